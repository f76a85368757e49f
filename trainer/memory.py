"""What the system lets a process hold: the memory that it freed, and open files.

By default glibc returns the top of its heap as soon as it is free. A training step frees and
allocates the same tensors over and over, and each time the kernel has to hand out zeroed pages:
with the student on one core that was a third of the time (`docs/experiments.md`).
"""

import ctypes
import resource
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""From glibc's `malloc.h`."""

_NEVER = 2**31 - 1
_LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
_TOP_PAD = 64 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep what is freed; returns whether there was one to tell."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    options = {
        _M_TRIM_THRESHOLD: _NEVER,
        _M_TOP_PAD: _TOP_PAD,
        _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD,
    }
    taken = [mallopt(option, value) == 1 for option, value in options.items()]
    return all(taken)


def allow_open_files() -> None:
    """Raise the number of files this process may hold open to the most that the system allows.

    Every memory-mapped plane of the store is an open file, and the usual limit is 1,024.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
