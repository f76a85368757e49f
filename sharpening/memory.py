"""What the system's allocator does with memory that was freed; glibc's only, elsewhere nothing.

By default glibc returns the top of its heap as soon as it is free. A training step and a tile free
and allocate the same tensors over and over, and each time the kernel has to hand out zeroed pages:
with the student on one core that was a third of the time (`docs/experiments.md`).
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
"""From glibc's `malloc.h`."""

_NEVER = 2**31 - 1
_LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
_TOP_PAD = 64 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Have what is freed kept for the next time; returns whether there was glibc to tell."""
    options = {
        _M_TRIM_THRESHOLD: _NEVER,
        _M_TOP_PAD: _TOP_PAD,
        _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD,
    }
    taken = [_set_option(option, value) for option, value in options.items()]
    return all(taken)


def share_arenas(count: int) -> bool:
    """Have all threads share `count` heaps; returns whether there was glibc to tell.

    By default there are eight for each CPU, and each keeps what its threads once needed.
    """
    return _set_option(_M_ARENA_MAX, count)


def return_freed_memory() -> bool:
    """Give everything that is free back to the system now; returns whether there was glibc."""
    trim = _find("malloc_trim")
    if trim is None:
        return False
    trim(0)
    return True


def _set_option(option: int, value: int) -> bool:
    mallopt = _find("mallopt")
    return mallopt is not None and mallopt(option, value) == 1


def _find(function: str) -> "ctypes._NamedFuncPointer | None":
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), function, None)  # musl has neither
