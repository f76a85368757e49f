"""Freed memory stays with the process."""

import resource
import subprocess
import sys

import pytest

from trainer.memory import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import numpy as np
from trainer.memory import keep_freed_memory
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


def test_says_whether_there_was_an_allocator_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
