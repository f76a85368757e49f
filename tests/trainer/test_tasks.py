"""Tasks return losses; the distilling one hears both the truth and the teacher."""

import pytest
import torch

from sharpening.networks import Student
from trainer.tasks import Distillation, Restoration


@pytest.fixture
def planes() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("blurred", "sharp", "taught")
    return {name: torch.rand(2, 3, 16, 16, generator=generator) for name in names}


def test_restoration_is_the_mean_absolute_error(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    losses = Restoration().losses(network, planes)
    expected = (network(planes["blurred"]) - planes["sharp"]).abs().mean()
    assert torch.equal(losses["loss"], expected)


def test_distillation_weighs_truth_and_teacher(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    losses = Distillation(truth_weight=0.25, teacher_weight=0.75).losses(network, planes)
    sharpened = network(planes["blurred"])
    truth = (sharpened - planes["sharp"]).abs().mean()
    teacher = (sharpened - planes["taught"]).abs().mean()
    assert torch.allclose(losses["truth"], truth)
    assert torch.allclose(losses["teacher"], teacher)
    assert torch.allclose(losses["loss"], 0.25 * truth + 0.75 * teacher)
