"""Who may import whom: `service -> sharpening <- trainer`, and what the core must not know."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    "sharpening": {
        *("service", "trainer", "tests", "benchmarks", "fastapi", "starlette", "uvicorn", "httpx"),
        *("pydantic_settings", "tqdm", "dotenv", "argparse", "requests", "matplotlib"),
    },
    "service": {"trainer", "tests", "benchmarks"},
    "trainer": {"service", "tests", "benchmarks", "fastapi", "starlette", "uvicorn"},
}
"""By package, what none of its modules may import, not even inside a function."""

MODULES = [path for package in FORBIDDEN for path in sorted((ROOT / package).rglob("*.py"))]
CORE = [path for path in MODULES if path.is_relative_to(ROOT / "sharpening")]


def name_module(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find_imports(path: Path) -> Iterator[str]:
    """Yield the full dotted name of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_module)
def test_module_imports_nothing_that_its_package_must_not_know(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    roots = {name.split(".")[0] for name in find_imports(path)}
    assert not roots & FORBIDDEN[package]


ROOMS = {
    "errors": set(),
    "files": set(),
    "symmetry": set(),
    "architectures": {"errors"},
    "memory": set(),
    "tiling": set(),
    "codec": {"codec", "errors"},
    "drawing": {"tiling"},
    "degradation": {"degradation", "errors"},
    "similarity": set(),
    "metrics": {"errors", "similarity"},
    "weights": {"degradation", "errors", "files"},
    "golden": {"errors", "runtimes"},
    "networks": {"architectures", "errors", "networks", "symmetry"},
    "runtimes": {"architectures", "errors", "networks", "runtimes", "symmetry", "weights"},
    "engine": {"errors", "runtimes", "tiling"},
    "transparency": set(),
    "picture": {"codec", "engine", "transparency"},
    "evaluation": {"engine", "metrics"},
    "ensemble": {"evaluation"},
}
"""Which rooms of the core each may know."""


@pytest.mark.parametrize("path", CORE, ids=name_module)
def test_room_of_the_core_knows_only_the_rooms_below_it(path: Path) -> None:
    room = path.relative_to(ROOT / "sharpening").with_suffix("").parts[0]
    names = [name.split(".") for name in find_imports(path)]
    known = {name[1] for name in names if name[0] == "sharpening" and len(name) > 1}
    assert known <= ROOMS.get(room, set())


@pytest.mark.parametrize("path", CORE, ids=name_module)
def test_core_reads_no_environment_and_configures_no_logging_and_prints_nothing(
    path: Path,
) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    assert not used & {"environ", "getenv", "basicConfig", "addHandler", "setLevel"}
    assert not called & {"print", "input", "exec", "eval"}


def test_light_rooms_are_imported_without_pytorch() -> None:
    program = (
        "import sys\n"
        "import sharpening.codec, sharpening.degradation, sharpening.metrics, sharpening.tiling\n"
        "import sharpening.weights, sharpening.errors, sharpening.files, sharpening.golden\n"
        "raise SystemExit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
