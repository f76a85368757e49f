"""The verb `evaluate`: the shipped student and teacher on pieces of photographs."""

from pathlib import Path

import pytest
from PIL import Image as PillowImage

from sharpening.engine import Engine
from sharpening.ensemble import SelfEnsemble
from sharpening.errors import TrainingError
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights
from trainer.cli import main
from trainer.judging.comparison import compare
from trainer.judging.contest import Results, open_contest
from trainer.judging.report import find_sets, judge

WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.fixture(scope="module")
def student() -> Weights:
    return load_weights(WEIGHTS / "paper-student.safetensors")


@pytest.fixture(scope="module")
def teacher() -> Weights:
    return load_weights(WEIGHTS / "paper-teacher.safetensors")


def evaluate(data: Path, *arguments: str, roles: tuple[str, ...] = ("student", "teacher")) -> int:
    files = [str(WEIGHTS / f"paper-{role}.safetensors") for role in roles]
    return main(["evaluate", *files, "--data", str(data), "--device", "cpu", *arguments])


def test_everything_comes_out_of_one_command(
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    student: Weights,
    teacher: Weights,
) -> None:
    json, figure = tmp_path / "results.json", tmp_path / "figure.png"
    status = evaluate(
        photographs, "--json", str(json), "--figure", str(figure), "--figure-pictures", "2"
    )
    assert status == 0
    results = Results.model_validate_json(json.read_bytes())
    engines = {
        weights.card.role: Engine(choose_runtime(weights, device="cpu"))
        for weights in (student, teacher)
    }
    pictures = [path for paths in find_sets(photographs).values() for path in paths]
    degradation = student.card.degradation
    assert results.comparison == compare(
        pictures, degradation, student=engines["student"], teacher=engines["teacher"]
    )
    expected = judge(find_sets(photographs), degradation, {teacher.name: engines["teacher"]})
    assert results.sets["more"][teacher.name] == expected["more"][teacher.name]
    printed = capsys.readouterr().out
    assert f"| {student.name} | " in printed
    assert printed.index("Table 2: average SSIM") < printed.index("Table 3: average PSNR")
    assert "| 15 |" in printed
    with PillowImage.open(figure) as drawn:
        assert drawn.height > 2 * 144


def test_a_student_alone_has_a_table_and_a_figure_but_no_pairs(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "figure.png"
    assert evaluate(photographs / "more", "--figure", str(figure), roles=("student",)) == 0
    assert "Table 2" not in capsys.readouterr().out
    assert figure.exists()


def test_the_teachers_self_ensemble_is_a_row_of_its_own(
    photographs: Path, teacher: Weights
) -> None:
    sets = {"more": find_sets(photographs / "more")["more"][:2]}
    rows = open_contest([teacher], device="cpu", self_ensemble=True).hold(sets).sets["more"]
    eightfold = SelfEnsemble(Engine(choose_runtime(teacher, device="cpu")))
    expected = judge(sets, teacher.card.degradation, {"x8": eightfold})["more"]["x8"]
    assert rows[f"{teacher.name} x8"] == expected
    assert rows[teacher.name] != expected


def test_one_file_given_twice_is_one_model(student: Weights) -> None:
    assert list(open_contest([student, student], device="cpu").sharpeners) == ["student"]


def test_two_of_a_role_are_known_by_name_and_make_no_figure(student: Weights) -> None:
    other = Weights(student.card, student.tensors, "0" * 64)
    contest = open_contest([student, other], device="cpu")
    assert list(contest.sharpeners) == [student.name, "student@000000000000"]
    with pytest.raises(TrainingError, match="student@000000000000"):
        contest.choose_shown()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--self-ensemble"], "give a teacher"),
        (["--figure", "figure.pdf"], r"figure.pdf"),
        (["--figure", "figure.png", "--data", "NONE"], "no pictures"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_judged(
    photographs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert evaluate(photographs, *arguments, roles=("student",)) == 1
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""
