"""The right runtime is chosen, without loading PyTorch where it is not needed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sharpening.errors import DeviceError
from sharpening.runtimes import choose_runtime, chooser, multiplies_bfloat16
from sharpening.weights import Weights

Make = Callable[..., Weights]

SHIPPED = Path(__file__).parents[3] / "weights" / "paper-student.safetensors"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the chooser find these packages alone."""

    def install(*names: str) -> None:
        monkeypatch.setattr(chooser, "find_spec", lambda name: name in names or None)

    return install


@pytest.mark.parametrize(
    ("name", "device", "architecture", "expected"),
    [
        ("auto", "auto", "student", "openvino"),
        ("auto", "cpu", "dihedral-student", "openvino"),
        ("auto", "cpu", "luminous-student", "torch"),
        ("openvino", "cpu", "student", "openvino"),
        ("torch", "cpu", "student", "torch"),
    ],
)
def test_runtime_is_that_of_the_name_or_the_quicker_one(
    name: Any,
    device: str,
    architecture: str,
    expected: str,
    make_weights: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chooser, "_has_driver", lambda: False)
    runtime = choose_runtime(make_weights(architecture), name, device)
    assert (runtime.name, runtime.device, runtime.precision) == (expected, "cpu", "float32")


@pytest.mark.parametrize(("driver", "cuda"), [(True, True), (True, False), (False, True)])
def test_auto_is_pytorch_where_it_sees_a_gpu(
    driver: bool, cuda: bool, make_weights: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "_has_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    asked: list[str] = []
    monkeypatch.setattr(chooser, "_open_torch", lambda _weights, device, *_: asked.append(device))
    choose_runtime(make_weights("student"), "auto", "auto")
    choose_runtime(make_weights("student"), "auto", "cuda:1")
    assert asked == (["auto", "cuda:1"] if driver and cuda else ["cuda:1"])


def test_what_is_not_installed_is_done_without_or_named(
    make_weights: Make, installed: Callable[..., None]
) -> None:
    weights = make_weights("student")
    installed("torch")
    assert choose_runtime(weights, "auto", "cpu").name == "torch"
    with pytest.raises(DeviceError, match=r"OpenVINO is not installed: pip install"):
        choose_runtime(weights, "openvino")
    installed("openvino")
    assert choose_runtime(weights).name == "openvino"
    with pytest.raises(DeviceError, match=r"PyTorch, which .* needs here, is not installed"):
        choose_runtime(make_weights("luminous-student"))


def test_openvino_has_no_gpu(make_weights: Make) -> None:
    with pytest.raises(DeviceError, match="openvino has no device 'cuda'; use cpu, or torch"):
        choose_runtime(make_weights("student"), "openvino", "cuda")


@pytest.mark.parametrize(("there", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_automatic_precision_is_what_the_processor_multiplies(
    there: bool, expected: str, make_weights: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "multiplies_bfloat16", lambda: there)
    weights = make_weights("student")
    assert choose_runtime(weights, "openvino", precision="auto").precision == expected
    assert choose_runtime(weights, "torch", "cpu", precision="auto").precision == "float32"
    for name in ("openvino", "torch"):
        chosen = choose_runtime(weights, name, "cpu", precision="bfloat16")
        assert chosen.precision == "bfloat16"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx512f amx_bf16 amx_tile", True), ("avx512f avx512_bf16", False), (None, False)],
)
def test_whether_the_processor_multiplies_bfloat16_is_read_from_its_flags(
    flags: str | None, expected: bool, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"model name\t: caf\u00e9\nflags\t\t: fpu {flags}\n")
    assert multiplies_bfloat16(cpuinfo=cpuinfo) == expected


def test_pytorch_is_not_loaded_to_run_a_student_on_a_cpu() -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from sharpening.runtimes import choose_runtime;"
        "from sharpening.weights import load_weights;"
        f"runtime = choose_runtime(load_weights(Path({str(SHIPPED)!r})), 'openvino');"
        "runtime.run(np.zeros((1, 8, 8, 3), np.uint8));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
