import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import cli
from service.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that would have been served."""
    settings: list[Settings] = []
    monkeypatch.setattr(cli, "serve", settings.append)
    return settings


def test_options_override_the_environment(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARPEN_PORT", "1234")
    monkeypatch.setenv("SHARPEN_HOST", "0.0.0.0")

    cli.main(["serve", "--port", "4321"])

    assert (served[0].host, served[0].port) == ("0.0.0.0", 4321)


def test_a_setting_that_does_not_fit_is_a_message_and_not_a_traceback(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARPEN_PROFILE", "no-such-profile")

    with pytest.raises(SystemExit, match="no-such-profile"):
        cli.main(["serve"])

    assert not served


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Put back what happens on SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_own_signals")
def test_a_folder_without_a_student_is_a_message_and_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cannot start: there is no student"):
        cli.serve(Settings(weights_dir=tmp_path))


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])

    printed = "".join(capsys.readouterr().out.split())
    for name in Settings.model_fields:
        assert f"SHARPEN_{name.upper()}" in printed
