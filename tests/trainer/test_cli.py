"""The whole chain through the command line, as a user runs it."""

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from sharpening.degradation import PaperDegradation
from sharpening.engine import Engine
from sharpening.metrics import psnr
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights
from trainer.cli import main


def run_all(photographs: Path, folder: Path, *, judge_on: Path | None = None) -> int:
    return main(
        ["all", "--preset", "smoke", "--data", str(photographs), "--run", str(folder / "run"),
         "--output", str(folder / "weights"), "--judge", str(judge_on or photographs / "more"),
         "--figure", str(folder / "figure.png"), "--device", "cpu"]
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of weights that `all --preset smoke` leaves."""
    folder = tmp_path_factory.mktemp("all")
    assert run_all(photographs, folder) == 0
    return folder / "weights"


@pytest.fixture(scope="module")
def student(exported: Path) -> Weights:
    return load_weights(exported / "paper-student.safetensors")


def test_the_chain_exports_a_teacher_and_the_student_it_taught(
    exported: Path, student: Weights
) -> None:
    teacher = load_weights(exported / "paper-teacher.safetensors")
    assert student.card.teacher == teacher.sha256
    assert teacher.card.teacher is None


def test_the_chain_draws_its_figure(exported: Path) -> None:
    with PillowImage.open(exported.parent / "figure.png") as figure:
        assert figure.width > 4 * 144


def test_the_chain_tells_tables_of_what_was_set_aside(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photographs"
    shutil.copytree(photographs, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG")
    recipe = resources.files("trainer") / "presets" / "smoke.toml"
    short = tmp_path / "short.toml"
    short.write_text(recipe.read_text().replace("steps = 120", "steps = 2").replace("600", "2"))
    status = main(
        ["all", "--preset", str(short), "--data", str(folder), "--run", str(tmp_path / "run"),
         "--output", str(tmp_path / "weights"), "--device", "cpu"]
    )  # fmt: skip
    assert status == 0
    printed = capsys.readouterr().out
    assert "| validation |" in printed
    assert "Table 2: average SSIM" in printed
    assert "| student against teacher |" in printed


def test_the_card_says_how_the_weights_came_to_be(student: Weights) -> None:
    training = student.card.training
    assert training.steps == 600
    assert training.images_seen == 2400
    assert training.photographs == 14
    assert training.code_revision
    assert training.versions["pillow"]
    assert student.card.degradation == PaperDegradation()


def test_the_card_holds_figures_with_their_definitions(student: Weights) -> None:
    metrics = student.card.metrics
    assert "scikit-image" in metrics["definitions"]["ssim"]
    assert metrics["sets"]["more"]["pictures"] == 7
    assert metrics["validation"]["psnr"] > 20


def test_the_smoke_student_already_improves_a_photograph_it_never_saw(student: Weights) -> None:
    sharp = skimage.data.coffee()[:256, :256]
    blurred = PaperDegradation().apply(sharp)
    sharpened = Engine(choose_runtime(student, device="cpu")).sharpen(blurred)
    assert psnr(sharp, sharpened) > psnr(sharp, blurred) + 0.3


def test_evaluate_prints_the_models_beside_the_input(
    exported: Path, photographs: Path, capsys: pytest.CaptureFixture[str], student: Weights
) -> None:
    weights = [str(path) for path in sorted(exported.glob("*.safetensors"))]
    assert main(["evaluate", *weights, "--data", str(photographs / "more")]) == 0
    printed = capsys.readouterr().out
    assert student.name in printed
    assert "blurred input" in printed


def test_a_finished_run_is_exported_again_without_training(
    exported: Path, tmp_path: Path, student: Weights
) -> None:
    run = exported.parent / "run" / "student"
    assert main(["export", str(run), "--output", str(tmp_path)]) == 0
    again = load_weights(tmp_path / "paper-student.safetensors")
    for name, tensor in student.tensors.items():
        assert np.array_equal(tensor, again.tensors[name])
    copy = tmp_path / "paper-student.safetensors"
    assert copy.read_bytes() == (run / "weights.safetensors").read_bytes()


def test_the_same_command_again_changes_nothing(exported: Path, photographs: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    assert run_all(photographs, exported.parent) == 0
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before


def test_the_same_chain_judged_on_other_pictures_keeps_its_teacher(
    exported: Path, photographs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(exported.parent, folder)
    before = (folder / "weights" / "paper-teacher.safetensors").read_bytes()
    judged = tmp_path / "judged"
    judged.mkdir()
    shutil.copy(photographs / "astronaut-0.png", judged)
    assert run_all(photographs, folder, judge_on=judged) == 0
    assert (folder / "weights" / "paper-teacher.safetensors").read_bytes() == before


def test_a_picture_that_cannot_be_judged_on_shows_before_any_work(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "broken.png").write_bytes(b"\x89PNG")
    assert run_all(photographs, tmp_path, judge_on=tmp_path / "judged") == 1
    assert "broken.png" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_student_cannot_teach(
    exported: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = exported / "paper-student.safetensors"
    arguments = ["--preset", "smoke", "--data", str(photographs), "--run", str(tmp_path)]
    assert main(["distill", *arguments, "--teacher", str(student)]) == 1
    assert "cannot teach" in capsys.readouterr().err


def test_training_starts_from_the_weights_it_is_given(
    exported: Path, photographs: Path, tmp_path: Path, student: Weights
) -> None:
    start = exported / "paper-student.safetensors"
    status = main(
        ["distill", "--preset", "smoke", "--data", str(photographs), "--run", str(tmp_path),
         "--without-teacher", "--steps", "1", "--start-from", str(start)]
    )  # fmt: skip
    assert status == 0
    longer = load_weights(tmp_path / "weights.safetensors")
    assert longer.card.training.recipe["started_from"]["sha256"] == student.sha256
    for name, tensor in student.tensors.items():
        assert np.abs(longer.tensors[name] - tensor).max() < 0.01


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "RUN", "--output", "OUT"], "cannot read the weights file"),
        (
            ["train-teacher", "--preset", "smoke", "--data", "NONE", "--run", "RUN"],
            "is not a folder",
        ),
        (
            [
                "distill",
                "--preset",
                "smoke",
                "--data",
                "NONE",
                "--run",
                "RUN",
                "--steps",
                "-1",
                "--without-teacher",
            ],
            "budget",
        ),
        (["evaluate", "NONE", "--data", "NONE"], "cannot read the weights file"),
    ],
)
def test_an_error_is_told_in_a_line_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main([str(tmp_path / each) if each.isupper() else each for each in arguments]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb", ["prepare", "train-teacher", "distill", "evaluate", "export", "all"]
)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as finished:
        main([verb, "--help"])
    assert finished.value.code == 0
    assert "usage" in capsys.readouterr().out
