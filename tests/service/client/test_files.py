"""Files that are open only while they are read."""

import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import Pair
from service.client.files import PathFile

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


@pytest.fixture
def _few_open_files() -> Iterator[None]:
    """Allow this process 40 more open files than it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 40, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_it_reads_as_a_file_does(path: Path) -> None:
    with io.BufferedReader(PathFile(path)) as file, path.open("rb") as expected:
        for count in (10, 5000, 1, 100_000, 1):
            assert file.read(count) == expected.read(count)
        assert file.seek(0, os.SEEK_END) == len(CONTENT)
        assert file.read() == b""
        assert file.seek(-10, os.SEEK_END) == len(CONTENT) - 10
        assert file.read() == CONTENT[-10:]
        file.seek(3)
        assert file.seek(4, os.SEEK_CUR) == file.tell() == 7
        assert file.read(2) == CONTENT[7:9]


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PathFile(tmp_path / "none")


@pytest.mark.usefixtures("_few_open_files")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's list of open files")
def test_a_form_of_many_files_opens_one_at_a_time(call: Any, script: Any, path: Path) -> None:
    asked = script(httpx.Response(200, content=b'{"name": "x", "problem": 1}'))
    pairs = [Pair(f"{index}.png", path, path) for index in range(100)]

    with pytest.raises(Exception, match="not as this API's"):
        call(asked, "evaluate_batch", pairs)

    assert asked.bodies[0].count(CONTENT) == 200
