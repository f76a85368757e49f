"""Options for the checks whose data the project does not ship."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reference", "published weights and test pictures, given by path")
    group.addoption(
        "--reference-weights",
        type=Path,
        metavar="FILE",
        help="the published weights of luminous-student, a .safetensors file",
    )
    group.addoption(
        "--reference-pictures",
        type=Path,
        metavar="DIR",
        help="a folder with the folders Set14, gb82, CID22_val and CLIC2025_val of PNG pictures",
    )
