"""What the README says is there is there."""

import re
from pathlib import Path

import pytest

from service.cli import VERBS
from service.settings import Settings
from trainer.cli import main

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("weights/*.md")]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_setting_is_listed_with_its_description() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `SHARPEN_{name.upper()}` |" in readme
        assert field.description in readme


def test_every_metric_and_every_setting_that_costs_is_explained_to_operators() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
    telemetry = (REPOSITORY / "service" / "telemetry.py").read_text("utf-8")
    metrics = set(re.findall(r'"(sharpen_\w+)"', telemetry))
    explained = set(re.findall(r"`(sharpen_\w+?)(?:_total)?`", page))
    assert explained >= metrics
    settings = {f"SHARPEN_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"SHARPEN_[A-Z_]+[A-Z]", page)) <= settings
    assert [name for name in settings if "_MAX_" in name and f"`{name}`" not in page] == []


def test_every_test_of_the_threat_table_is_there() -> None:
    table = (REPOSITORY / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`(\S+\.py)::(\w+)`", table)
    assert len(named) == table.count("\n| ") - 1
    for path, test in named:
        assert f"def {test}(" in (REPOSITORY / "tests" / path).read_text("utf-8")


def test_every_file_that_a_command_reads_is_there() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for path in re.findall(r"@(examples/\S+)", readme):
        assert (REPOSITORY / path).is_file()


def test_every_verb_of_the_trainer_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    verbs = re.findall(r"^    ([a-z-]+)", capsys.readouterr().out, flags=re.MULTILINE)
    assert len(verbs) == 7
    assert [verb for verb in verbs if f"| `{verb}` |" not in readme] == []


def test_every_verb_of_the_command_line_is_listed() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    assert [verb for verb in VERBS if f"| `{verb}` |" not in readme] == []
