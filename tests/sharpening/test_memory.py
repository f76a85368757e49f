"""Freed memory stays with the process until it is told to give it back."""

import resource
import subprocess
import sys

import pytest

from sharpening.memory import keep_freed_memory, return_freed_memory, share_arenas

COUNT_FAULTS = """
import resource, sys
import numpy as np
from sharpening.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    raise SystemExit(3)
def touch():
    tensors = [np.ones(5_000_000, np.uint8) for _ in range(10)]
for _ in range(3):
    touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is Linux's")
def test_memory_that_was_freed_is_not_asked_for_again() -> None:
    kept = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS, "keep"], capture_output=True, text=True, check=False
    )
    if kept.returncode == 3:
        pytest.skip("no glibc here")
    assert kept.returncode == 0, kept.stderr
    page_bytes = resource.getpagesize()
    assert int(kept.stdout) < 50_000_000 // page_bytes


RETURN = """
import numpy as np
from pathlib import Path
from sharpening.memory import keep_freed_memory, return_freed_memory, share_arenas
if not (keep_freed_memory() and share_arenas(2)):
    raise SystemExit(3)
def held():
    return int(Path("/proc/self/statm").read_text().split()[1])
tensors = [np.ones(5_000_000, np.uint8) for _ in range(10)]
del tensors
kept = held()
assert return_freed_memory()
print(kept - held())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is Linux's")
def test_kept_memory_is_given_back_when_told() -> None:
    run = subprocess.run(
        [sys.executable, "-c", RETURN], capture_output=True, text=True, check=False
    )
    if run.returncode == 3:
        pytest.skip("no glibc here")
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) * resource.getpagesize() > 40_000_000


def test_says_whether_there_was_an_allocator_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
    assert return_freed_memory() is False
    assert share_arenas(2) is False
