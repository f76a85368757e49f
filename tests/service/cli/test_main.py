"""The command line before any verb."""

import subprocess
import sys
from pathlib import Path

import pytest

from service import cli
from service.cli import VERBS, main
from sharpening.errors import WeightsError

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_listed_and_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert f"  {verb} " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert f"usage: sharpen {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["blur"], ["--no-such-option"]])
def test_a_verb_that_is_none_makes_no_sense(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (WeightsError("no weights: train some"), 1, "sharpen: no weights: train some\n"),
        (FileNotFoundError(2, "No such file", "x"), 1, "sharpen: [Errno 2] No such file: 'x'\n"),
        (KeyboardInterrupt(), 130, "sharpen: stopped\n"),
    ],
)
def test_an_error_is_a_line_and_an_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    message: str,
) -> None:
    def fail(_verb: str, _arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)

    assert main(["image"]) == status
    assert capsys.readouterr().err == message


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from service.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    heavy = {'torch', 'numpy', 'fastapi', 'pydantic', 'httpx', 'PIL'} & set(sys.modules)\n"
        "    raise SystemExit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
