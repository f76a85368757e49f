from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_weights_come_from_the_repository_by_default() -> None:
    assert Settings().weights_dir == Path(__file__).parents[2] / "weights"


def test_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPEN_MAX_MEGAPIXELS", "0.5")

    assert Settings().max_pixels == 500_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROFILE", "no-such-profile"),
        ("PORT", "70000"),
        ("INFERENCE_WORKERS", "0"),
        ("MAX_BODY_BYTES", "0"),
        ("RUNTIME", "no-such-runtime"),
        ("LOG_LEVEL", "loud"),
        ("DRAIN_TIMEOUT_S", "-1"),
    ],
)
def test_value_out_of_range_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SHARPEN_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize("name", ["SHARPEN_WEIGHT_DIR", "sharpen_weightsdir"])
def test_a_mistyped_variable_is_refused_by_name_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "weights")

    with pytest.raises(ValidationError, match=f"{name} sets nothing.*SHARPEN_WEIGHTS_DIR"):
        Settings()


def test_a_variable_in_small_letters_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("sharpen_port", "1234")

    assert Settings().port == 1234


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_evaluation_never_takes_more_pixels_than_sharpening() -> None:
    assert Settings(max_megapixels=1, max_evaluate_megapixels=2).max_evaluate_pixels == 1_000_000
