"""The published weights of `luminous-student` reproduce the published project's figures.

Weights and pictures are given by `--reference-weights` and `--reference-pictures`; without them
the checks are skipped, because the project neither ships nor needs either.
"""

from pathlib import Path

import pytest

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
from sharpening.engine import Engine
from sharpening.evaluation import evaluate, summarise
from sharpening.networks import build_network
from sharpening.runtimes.torch import TorchRuntime, restore_tensors
from sharpening.weights import load_tensors

TOLERANCE_DB = 0.02

FIGURES_DB = {
    "Set14": (22.25, 23.20),
    "gb82": (27.64, 28.68),
    "CID22_val": (23.23, 24.17),
    "CLIC2025_val": (27.99, 28.97),
}
"""Mean PSNR over RGB of the blurred input and of `luminous-student`, by set."""


def given_path(pytestconfig: pytest.Config, option: str) -> Path:
    path: Path | None = pytestconfig.getoption(option)
    if path is None:
        pytest.skip(f"{option} is not given")
    return path


@pytest.fixture(scope="module")
def engine(pytestconfig: pytest.Config) -> Engine:
    tensors = load_tensors(given_path(pytestconfig, "--reference-weights"))
    network = restore_tensors(build_network("luminous-student", {}), tensors)
    return Engine(TorchRuntime(network, "cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES_DB)
def test_published_student_reproduces_its_figures(
    name: str, engine: Engine, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted((given_path(pytestconfig, "--reference-pictures") / name).glob("*.png"))
    assert files, f"no PNG pictures in the folder {name}"
    inputs, outputs = [], []
    for file in files:
        sharp = decode(file.read_bytes()).pixels
        blurred = PaperDegradation().apply(sharp)
        evaluation, _ = evaluate(sharp, blurred, {"luminous-student": engine})
        inputs.append(evaluation.input.psnr)
        outputs.append(evaluation.models["luminous-student"].psnr)
    measured = summarise(inputs).mean, summarise(outputs).mean
    with capsys.disabled():
        print(f"\n{name}: input {measured[0]:.3f} dB, luminous-student {measured[1]:.3f} dB")
    assert measured == pytest.approx(FIGURES_DB[name], abs=TOLERANCE_DB)
