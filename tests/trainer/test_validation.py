"""Validation is the shared evaluation, and watches sharp pictures where they are to stay."""

import numpy as np
import pytest
import skimage.data

from sharpening.degradation import PROFILES, CallDegradation, Damage
from sharpening.engine import Engine
from sharpening.evaluation import evaluate
from sharpening.metrics import psnr, ssim
from sharpening.networks import Student
from sharpening.networks.student import StudentConfig
from sharpening.runtimes.torch import TorchRuntime
from trainer.validation import Validator

SHARP = skimage.data.astronaut()[:64, :64]
SOFT = PROFILES["paper"].apply(SHARP)


@pytest.fixture
def network() -> Student:
    return Student(StudentConfig(channels=4, dilations=(1,)))


def test_figures_are_those_of_the_shared_evaluation(network: Student) -> None:
    pictures = [{"sharp": SHARP, "blurred": SOFT}]
    figures = Validator(pictures, "cpu", PROFILES["paper"]).measure(network)
    engine = Engine(TorchRuntime(network, "cpu"))
    expected = evaluate(SHARP, SOFT, {"network": engine})[0].models["network"]
    assert figures == {"psnr": expected.psnr, "ssim": expected.ssim}


def test_untouched_pictures_count_only_towards_staying_as_they_are(network: Student) -> None:
    damaged = [{"sharp": SHARP, "blurred": SOFT}]
    untouched = [{"sharp": SHARP, "blurred": SHARP.copy()}]
    with_both = Validator(damaged + untouched, "cpu", PROFILES["call"]).measure(network)
    alone = Validator(damaged, "cpu", PROFILES["call"]).measure(network)
    assert with_both == alone
    assert 0 < alone["sharp_psnr"] <= 100
    answer = Engine(TorchRuntime(network, "cpu")).sharpen(SHARP)
    error = np.mean((answer.astype(float) - SHARP) ** 2)
    assert alone["sharp_psnr"] == pytest.approx(10 * np.log10(255**2 / error))


def test_validation_judges_damaged_crops_apart_from_sharp_ones() -> None:
    generator = np.random.default_rng(0)
    sharp, other = generator.integers(0, 256, (2, 32, 32, 3), np.uint8)
    blurred = Damage(factor=2).apply(sharp)
    pictures = [
        {"sharp": sharp, "blurred": sharp},
        {"sharp": sharp, "blurred": blurred},
        {"sharp": other, "blurred": other},
    ]
    network = Student(StudentConfig(channels=4, dilations=(1,)))
    for parameter in network.tail.parameters():
        parameter.data.zero_()
    figures = Validator(pictures, "cpu", CallDegradation()).measure(network)
    assert figures["psnr"] == pytest.approx(psnr(sharp, blurred))
    assert figures["ssim"] == pytest.approx(ssim(sharp, blurred))
    assert figures["sharp_psnr"] == 100  # it changes nothing
    assert network.tail.bias is not None
    network.tail.bias.data.fill_(1 / 255)
    moved = Validator(pictures[2:], "cpu", CallDegradation()).measure(network)
    expected = np.minimum(other.astype(int) + 1, 255).astype(np.uint8)
    assert moved["sharp_psnr"] == pytest.approx(psnr(other, expected))
