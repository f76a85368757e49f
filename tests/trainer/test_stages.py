"""Precision is chosen by what the device can do."""

import pytest
import torch

from trainer.config import Schedule
from trainer.stages import _choose_low_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "used"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_bf16": False, "avx2": True}, False),
    ],
)
def test_bfloat16_is_used_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], used: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert _choose_low_precision(Schedule(steps=1, precision="bfloat16"), CPU) is used
    assert _choose_low_precision(Schedule(steps=1), CPU) is False
