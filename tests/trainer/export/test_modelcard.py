"""The card says what the weights file says, and goes where it belongs without touching the rest."""

import hashlib
from collections.abc import Callable

import pytest

from sharpening.degradation import CallDegradation
from sharpening.errors import TrainingError, WeightsError
from sharpening.weights import Weights
from trainer.export.modelcard import insert_card, write_card

Make = Callable[..., Weights]

FIGURES = {
    "Set5": {"pictures": 5, "psnr": 28.0712, "ssim": 0.82431},
    "flat | plain": {"pictures": 1, "psnr": None, "ssim": 1.0},
}


def test_card_holds_what_the_weights_say(make_weights: Make) -> None:
    weights = make_weights("student", teacher="a" * 64)
    card = write_card(weights, {})
    training = weights.card.training
    assert card.startswith("### `paper-student`\n")
    for value in (
        weights.name,
        "12,764, stored as float32",
        "3,168 a px",
        "17 px to each side",
        "multiples of 2 px",
        "blur_radius_px 1.5",
        "10 steps on 160 patches of 3 photographs",
        training.hardware,
        training.code_revision,
        "a" * 64,
        "fresh parameters",
        "CC0-1.0",
        "--judge",
    ):
        assert value in card


def test_card_names_the_weights_that_training_began_with(make_weights: Make) -> None:
    weights = make_weights("student")
    training = weights.card.training.model_copy(
        update={"recipe": {"started_from": {"sha256": "b" * 64}}}
    )
    begun = make_weights("student", training=training)
    assert f"the weights `{'b' * 64}`" in write_card(begun, {})


def test_card_lists_figures_by_set(make_weights: Make) -> None:
    card = write_card(make_weights("student", metrics={"sets": FIGURES}), {})
    assert "| set | pictures | psnr | ssim |" in card
    assert "| Set5 | 5 | 28.07 | 0.8243 |" in card
    assert "| flat \\| plain | 1 | none | 1.0000 |" in card


@pytest.mark.parametrize("sets", [{"Set5": 28}, {"Set5": {"psnr": "good"}}, [1]])
def test_figures_that_are_none_are_refused(make_weights: Make, sets: object) -> None:
    with pytest.raises(WeightsError, match=r"(?s)no numbers by set and metric.*--judge"):
        write_card(make_weights("student", metrics={"sets": sets}), {})


def test_card_lists_files_with_sizes_and_digests(make_weights: Make) -> None:
    data = b"x" * 1234
    digest = hashlib.sha256(data).hexdigest()
    card = write_card(make_weights("student"), {"paper-student.onnx": data})
    assert f"| `paper-student.onnx` | 1,234 | `{digest}` |" in card


class TestInsertion:
    def test_a_new_file_gets_a_heading(self) -> None:
        text = insert_card("", "paper-student", "the card")
        assert text == "# Weights\n\n<!-- card: paper-student -->\nthe card\n<!-- end card -->\n"

    @pytest.mark.parametrize("end", ["", "\n"])
    def test_a_text_without_the_card_gets_it_at_its_end(self, end: str) -> None:
        text = insert_card(f"# Mine\n\nWords.{end}", "paper-student", "the card")
        assert text.startswith("# Mine\n\nWords.\n\n<!-- card: paper-student -->\nthe card\n")

    def test_a_card_is_replaced_and_the_rest_left_alone(self) -> None:
        before = "# Mine \r\n\n<!-- card: paper-teacher -->\nT\n<!-- end card -->\nbetween\n"
        after = "\n  the end, without a newline"
        text = insert_card(before + after, "paper-student", "first") + "tail"
        again = insert_card(text, "paper-student", "second")
        assert again == text.replace("first", "second")
        assert again.startswith(before + after)
        assert again.endswith("tail")

    def test_a_card_put_twice_is_there_once(self) -> None:
        once = insert_card("", "paper-student", "the card")
        assert insert_card(once, "paper-student", "the card") == once

    @pytest.mark.parametrize(
        "text",
        [
            "<!-- card: a -->\nno end",
            "<!-- end card -->\n<!-- card: a -->\n",
            "<!-- card: a -->\n<!-- card: b -->\n<!-- end card -->\n",
            "<!-- card: a -->\n<!-- end card -->\n<!-- card: a -->\n<!-- end card -->\n",
        ],
    )
    def test_markers_that_are_no_pair_are_refused(self, text: str) -> None:
        with pytest.raises(TrainingError, match="markers of the card 'a' are no pair"):
            insert_card(text, "a", "the card")


def test_a_card_of_a_random_profile_says_what_its_figures_are_of(
    make_weights: Make,
) -> None:
    call = CallDegradation()
    card = write_card(make_weights("student", profile="call", degradation=call), {})
    (line,) = (line for line in card.splitlines() if line.startswith("| judged on |"))
    assert call.typical.describe() in line
    assert "untouched_share 0.15" in card
    assert "typical {" not in card
