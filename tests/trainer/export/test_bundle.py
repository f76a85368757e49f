"""Export leaves weights, golden pair, graph and card that belong together, or changes nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import skimage.data
from PIL import Image as PillowImage

from sharpening.errors import TrainingError, WeightsError
from sharpening.golden import TOLERANCE, largest_difference, load_golden
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights, save_weights
from trainer.cli import main
from trainer.export import Form, export_run, parity

Make = Callable[..., Weights]


@pytest.fixture
def run(tmp_path: Path, make_weights: Make) -> Path:
    """The folder of a student's finished run."""
    weights = make_weights("student", metrics={"validation": {"psnr": 30}, "sets": {}})
    save_weights(tmp_path / "run" / "weights.safetensors", weights.tensors, weights.card)
    return tmp_path / "run"


@pytest.fixture
def teacher_run(tmp_path: Path, make_weights: Make, small_teacher: dict[str, Any]) -> Path:
    """The folder of a teacher's finished run."""
    weights = make_weights("teacher", small_teacher, role="teacher")
    save_weights(tmp_path / "teacher" / "weights.safetensors", weights.tensors, weights.card)
    return tmp_path / "teacher"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_digest(graph: Path) -> str:
    return {each.key: each.value for each in onnx.load(graph).metadata_props}["sha256"]


def test_a_student_comes_with_graph_golden_pair_and_card(run: Path, output: Path) -> None:
    path = export_run(run, output, judge_on=None, device="cpu")
    assert path == output / "paper-student.safetensors"
    assert path.read_bytes() == (run / "weights.safetensors").read_bytes()
    assert names(output) == [
        "README.md",
        "paper-student.golden.npz",
        "paper-student.onnx",
        "paper-student.safetensors",
    ]


def test_all_files_name_the_same_weights(run: Path, output: Path) -> None:
    path = export_run(run, output, judge_on=None, form=Form("float16"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_golden(output / "paper-student.golden.npz").sha256 == sha256
    assert read_digest(output / "paper-student.onnx") == sha256
    card = (output / "README.md").read_text("utf-8")
    for name, data in contents(output).items():
        if name != "README.md":
            assert f"| `{name}` | {len(data):,} | `{hashlib.sha256(data).hexdigest()}` |" in card


def test_exporting_again_changes_no_byte(run: Path, output: Path) -> None:
    path = export_run(run, output, judge_on=None)
    before = contents(output)
    export_run(run, output, judge_on=None)
    assert contents(output) == before
    export_run(path, output, judge_on=None)
    assert contents(output) == before


def test_a_file_that_another_version_wrote_keeps_its_digest(run: Path, output: Path) -> None:
    source = run / "weights.safetensors"
    data = source.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip() + b" " * 64
    source.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    path = export_run(run, output, judge_on=None)
    assert path.read_bytes() == source.read_bytes() != data
    assert load_golden(path.with_suffix(".golden.npz")).sha256 == load_weights(source).sha256


def test_a_teacher_has_a_graph_only_if_asked_for(teacher_run: Path, output: Path) -> None:
    export_run(teacher_run, output, judge_on=None)
    assert "paper-teacher.onnx" not in names(output)
    export_run(teacher_run, output, judge_on=None, form=Form(onnx=True))
    assert "paper-teacher.onnx" in names(output)


def test_a_graph_that_is_not_wanted_does_not_stay_behind(run: Path, output: Path) -> None:
    export_run(run, output, judge_on=None)
    export_run(run, output, judge_on=None, form=Form(onnx=False))
    assert "paper-student.onnx" not in names(output)
    assert "paper-student.onnx" not in (output / "README.md").read_text("utf-8")


def test_half_precision_halves_the_file_and_hardly_changes_the_pictures(
    run: Path, output: Path
) -> None:
    full = load_golden(export_run(run, output, judge_on=None).with_suffix(".golden.npz"))
    large = (output / "paper-student.safetensors").stat().st_size
    path = export_run(run, output, judge_on=None, form=Form("float16"))
    weights = load_weights(path)
    assert weights.card.precision == "float16"
    assert large - path.stat().st_size > 1.9 * weights.card.contract.parameters
    assert largest_difference(full, choose_runtime(weights, device="cpu")) <= 2
    own = load_golden(path.with_suffix(".golden.npz"))
    assert largest_difference(own, choose_runtime(weights, device="cpu")) <= TOLERANCE


def test_figures_of_other_numbers_do_not_stay_in_the_card(run: Path, output: Path) -> None:
    exact = load_weights(export_run(run, output, judge_on=None))
    rounded = load_weights(export_run(run, output, judge_on=None, form=Form("float16")))
    assert set(exact.card.metrics) == {"validation", "sets"}
    assert set(rounded.card.metrics) == {"validation"}


def test_rounded_numbers_are_the_ones_that_are_judged(
    run: Path, output: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "set"
    pictures.mkdir()
    PillowImage.fromarray(skimage.data.chelsea()[:64, :96]).save(pictures / "cat.png")
    path = export_run(run, output, judge_on=pictures, device="cpu", form=Form("float16"))
    card = load_weights(path).card
    assert card.metrics["sets"]["set"]["pictures"] == 1
    assert "| set | 1 |" in (output / "README.md").read_text("utf-8")


def test_words_around_the_cards_stay(run: Path, teacher_run: Path, output: Path) -> None:
    output.mkdir()
    (output / "README.md").write_bytes(b"# Mine\r\n\nWords \xc3\xa4.\n")
    export_run(run, output, judge_on=None)
    export_run(teacher_run, output, judge_on=None)
    (output / "README.md").write_bytes((output / "README.md").read_bytes() + b"More words.\n")
    export_run(run, output, judge_on=None, form=Form("float16"))
    text = (output / "README.md").read_bytes()
    assert text.startswith(b"# Mine\r\n\nWords \xc3\xa4.\n")
    assert text.endswith(b"More words.\n")
    assert text.count(b"### `paper-student`") == text.count(b"### `paper-teacher`") == 1
    assert b"stored as float16" in text


@pytest.mark.parametrize("text", [b"<!-- card: paper-student -->\n", b"\xff\xfe"])
def test_a_readme_that_cannot_be_mended_stops_before_anything_is_written(
    run: Path, output: Path, text: bytes
) -> None:
    output.mkdir()
    (output / "README.md").write_bytes(text)
    with pytest.raises(TrainingError, match=r"no pair|UTF-8"):
        export_run(run, output, judge_on=None)
    assert contents(output) == {"README.md": text}


def test_a_graph_that_fails_leaves_everything_as_it_was(
    run: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_run(run, output, judge_on=None)
    before = contents(output)

    def wrong(graph: bytes) -> parity.Run:
        return lambda batch: batch

    monkeypatch.setattr(parity, "run_with_onnxruntime", wrong)
    with pytest.raises(WeightsError, match="grey levels away from PyTorch"):
        export_run(run, output, judge_on=None, form=Form("float16"))
    assert contents(output) == before


def test_a_run_that_has_not_finished_is_refused(tmp_path: Path, output: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read the weights file"):
        export_run(tmp_path, output, judge_on=None)
    assert not output.exists()


def test_weights_that_the_service_could_not_load_are_refused(
    run: Path, output: Path, make_weights: Make
) -> None:
    weights = make_weights("student")
    broken = {**weights.tensors, "head.bias": np.full(16, np.nan, np.float32)}
    save_weights(run / "weights.safetensors", broken, weights.card)
    with pytest.raises(WeightsError, match=r"head\.bias.*not finite"):
        export_run(run, output, judge_on=None)
    assert not output.exists()


def test_the_command_takes_a_weights_file_and_both_options(
    run: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(run / "weights.safetensors")
    arguments = ["export", source, "--output", str(output), "--precision", "float16", "--no-onnx"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{output / 'paper-student.safetensors'}\n"
    assert load_weights(output / "paper-student.safetensors").card.precision == "float16"
    assert "paper-student.onnx" not in names(output)
