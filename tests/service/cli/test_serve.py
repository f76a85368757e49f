import logging
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.cli import main, serve
from service.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that would have been served."""
    settings: list[Settings] = []
    monkeypatch.setattr(serve, "serve", settings.append)
    monkeypatch.setattr(serve, "configure_logging", lambda _settings: None)
    return settings


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Put back what happens on SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def configured_logging(settings: Settings) -> Iterator[None]:
    """Configure it as a process of its own would, then put everything back."""
    root, pillow = logging.getLogger(), logging.getLogger("PIL")
    before = root.level, pillow.level, root.handlers
    root.handlers = []
    try:
        serve.configure_logging(settings)
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers = before[2]
        root.setLevel(before[0])
        pillow.setLevel(before[1])


def test_options_override_the_environment(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARPEN_PORT", "1234")
    monkeypatch.setenv("SHARPEN_HOST", "0.0.0.0")

    main(["serve", "--port", "4321"])

    assert (served[0].host, served[0].port) == ("0.0.0.0", 4321)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SHARPEN_PROFILE", "no-such-profile", r"profile: unknown profile 'no-such-profile'"),
        ("SHARPEN_PORT", "70000", r"port: Input should be less than or equal to 65535"),
        ("SHARPEN_PROT", "8000", r"SHARPEN_PROT sets nothing: did you mean SHARPEN_PORT\?"),
    ],
)
def test_a_setting_that_does_not_fit_is_a_line_and_not_a_traceback(
    served: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit, match=rf"^sharpen: [^\n]*{message}[^\n]*$"):
        main(["serve"])

    assert not served


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    ("device", "reason"), [("cpu", "there is no student"), ("no-such-device", "no-such-device")]
)
def test_without_models_it_ends_with_one_line_and_exit_code_1(
    tmp_path: Path,
    weights_dir: Path,
    caplog: pytest.LogCaptureFixture,
    device: str,
    reason: str,
) -> None:
    folder = tmp_path if device == "cpu" else weights_dir

    with pytest.raises(SystemExit) as ended:
        serve.serve(Settings(weights_dir=folder, device=device, port=0))

    assert ended.value.code == 1
    (record,) = [record for record in caplog.records if record.levelno >= logging.CRITICAL]
    assert re.fullmatch(f"cannot start: .*{reason}.*", record.getMessage())
    assert record.exc_info is None


def test_debugging_does_not_log_what_is_in_a_file() -> None:
    with configured_logging(Settings(log_level="debug")):
        assert logging.getLogger("service").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("PIL.TiffImagePlugin").isEnabledFor(logging.DEBUG)
        assert logging.getLogger("PIL.TiffImagePlugin").isEnabledFor(logging.INFO)


def test_a_quiet_log_is_quiet_about_pillow_too() -> None:
    with configured_logging(Settings(log_level="error")):
        assert not logging.getLogger("PIL.Image").isEnabledFor(logging.WARNING)


def test_warnings_go_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(), configured_logging(Settings()):
        warnings.simplefilter("always")
        warnings.warn("corrupt EXIF data", UserWarning, stacklevel=1)

    assert re.search(r"^\S+ \S+ WARNING py.warnings \[-\]: .*corrupt EXIF", capsys.readouterr().err)


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])

    printed = "".join(capsys.readouterr().out.split())
    for name in Settings.model_fields:
        assert f"SHARPEN_{name.upper()}" in printed


def test_threads_that_do_not_end_do_not_hold_up_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = set(threading.enumerate())
    release = threading.Event()
    ended: list[int] = []
    monkeypatch.setattr(serve, "_LAST_WAIT_S", 0.01)
    monkeypatch.setattr(serve.os, "_exit", ended.append)
    monkeypatch.setattr(serve.logging, "shutdown", lambda: None)
    working = threading.Thread(target=release.wait)
    working.start()

    serve.leave_threads_behind(before, 1)
    release.set()
    working.join()
    serve.leave_threads_behind(before, 0)

    assert ended == [1]
