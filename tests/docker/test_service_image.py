"""The service's image without an engine: what its Dockerfile says, installs, starts and asks."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

REPOSITORY = Path(__file__).parents[2]
START_S = 120


@pytest.fixture
def dockerfile(open_dockerfile: Callable[[str], Any]) -> Any:
    return open_dockerfile("service")


def read_variables(dockerfile: Any) -> dict[str, str]:
    """Return every variable that some `ENV` sets."""
    pairs = (word.split("=", 1) for line in dockerfile.all("ENV") for word in line.split())
    return dict(pairs)


def test_it_is_not_run_by_root_and_is_told_to_stop_by_sigterm(dockerfile: Any) -> None:
    assert dockerfile.words("ENTRYPOINT") == ["python", "-m", "service.cli"]
    assert dockerfile.last("USER") == "1000:1000"
    assert dockerfile.last("STOPSIGNAL") == "SIGTERM"


def test_bases_are_pinned_and_the_cpu_is_what_is_built_unless_told_otherwise(
    dockerfile: Any,
) -> None:
    bases = [line.split() for line in dockerfile.all("FROM")]
    names = {words[-1] for words in bases}
    outside = {words[0] for words in bases if words[0] not in names}
    assert all(re.fullmatch(r"\w+:\d+\.\d+\.\d+-[\w-]+", base) for base in outside)
    assert any(base.startswith("python:3.11.") for base in outside)
    assert bases[-1][-1] == "cpu"


def test_only_the_gpu_image_asks_for_a_gpu(dockerfile: Any) -> None:
    stages = re.split(r"^FROM .* AS ", dockerfile.path.read_text(), flags=re.MULTILINE)
    assert [stage.split()[0] for stage in stages if "SHARPEN_DEVICE=cuda" in stage] == ["gpu"]


def test_weights_that_differ_from_their_card_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(REPOSITORY / "weights", folder)
    check = [REPOSITORY / "docker" / "check-weights.sh", folder]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0

    shutil.copy(folder / "call-student.safetensors", folder / "unlisted.safetensors")
    unlisted = subprocess.run(check, capture_output=True, check=False, text=True)
    (folder / "unlisted.safetensors").unlink()
    with (folder / "call-student.safetensors").open("ab") as file:
        file.write(b"\0")
    changed = subprocess.run(check, capture_output=True, check=False, text=True)

    assert (unlisted.returncode, changed.returncode) == (1, 1)
    assert "unlisted.safetensors is not listed" in unlisted.stderr
    assert "call-student.safetensors: FAILED" in changed.stdout


@pytest.mark.parametrize(
    ("extras", "expected"), [(["service"], False), (["service", "torch"], True)]
)
def test_pytorch_is_asked_for_where_there_is_a_gpu(
    extras: list[str], expected: bool, tmp_path: Path
) -> None:
    """pip is told to install what a stand-in for it notes."""
    asked = tmp_path / "asked"
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f'#!/bin/sh\n[ "$1" = - ] && exec {sys.executable} "$@"\n'
        f'while [ $# -gt 1 ]; do shift; done; cp "$1" {asked}\n'
    )
    stand_in.chmod(0o755)
    script = REPOSITORY / "docker" / "install.sh"

    subprocess.run(
        [script, *extras],
        check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    names = [re.split(r"[<>=\[]", line)[0] for line in asked.read_text().splitlines()]
    assert {"numpy", "fastapi", "httpx", "av", "openvino"} <= set(names)
    assert not {"sharpening-service", "matplotlib"} & set(names)
    assert ("torch" in names) == expected


@contextmanager
def start(image: Any, command: list[str], variables: dict[str, str]) -> Iterator[Any]:
    """Start the service as its container does, and in the end stop it as compose does."""
    process = subprocess.Popen(
        command, cwd=image.folder / "opt", env=image.variables | variables, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.terminate()
        _, log = process.communicate(timeout=START_S)
        sys.stderr.write(log.decode())
    assert process.returncode == 0


@pytest.mark.slow
def test_what_is_copied_and_installed_serves_and_is_healthy(
    dockerfile: Any, make_image: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    health = [word.replace("8000", port) for word in dockerfile.words("HEALTHCHECK")]
    serve = [*dockerfile.words("ENTRYPOINT"), *dockerfile.words("CMD")]

    with make_image(dockerfile) as image:
        image.run("docker/install.sh", "service")
        image.run("build/check-weights.sh", "weights")
        shutil.rmtree(image.folder / "service" / "page" / "runtime", ignore_errors=True)
        if shutil.which("npm"):
            (run,) = (line for line in dockerfile.all("RUN") if "npm" in line)
            image.run("sh", "-c", re.sub(r"^--mount=\S+ ", "", run))
        variables = read_variables(dockerfile) | {
            "PATH": image.variables["PATH"],
            "PYTHONPATH": str(image.folder),
            "SHARPEN_WEIGHTS_DIR": str(image.folder / "weights"),
            "SHARPEN_HOST": "127.0.0.1",
            "SHARPEN_PORT": port,
        }
        variables.pop("SHARPEN_DEVICE")

        def ask_health() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                health,
                cwd=image.folder,
                env=image.variables | variables,
                check=False,
                capture_output=True,
                text=True,
            )

        assert ask_health().returncode == 1
        (image.folder / "opt").mkdir()
        with start(image, serve, variables) as process:
            deadline_s = time.monotonic() + START_S
            while (asked := ask_health()).returncode != 0 and time.monotonic() < deadline_s:
                assert process.poll() is None
                time.sleep(0.5)
            assert (asked.returncode, asked.stdout) == (0, "ready\n")
            picture = (REPOSITORY / "examples" / "dog-blurred.png").read_bytes()
            answer = httpx.post(f"http://127.0.0.1:{port}/sharpen", content=picture, timeout=60)
            assert answer.status_code == 200, answer.text
            assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
            if shutil.which("npm"):
                runtime = httpx.get(f"http://127.0.0.1:{port}/page/runtime/ort.wasm.min.mjs")
                assert runtime.status_code == 200
