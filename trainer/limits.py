"""What the system lets a process hold open."""

import resource


def allow_open_files() -> None:
    """Raise the number of files this process may hold open to the most that the system allows.

    Every memory-mapped plane of the store is an open file, and the usual limit is 1,024.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
