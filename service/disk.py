"""What is told where the disk is full."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import TooBusyError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_RETRY_S = 60.0


@contextmanager
def telling_of_full_disk() -> Iterator[None]:
    """Raise `TooBusyError` where what is in the block finds the disk full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise TooBusyError(
            "the disk that uploads are kept on is full: send a smaller one, or try again later",
            _RETRY_S,
        ) from error
