"""One Ray cluster of two nodes for all tests of a session; every process of it is real."""

from collections.abc import Iterator

import pytest

from benchmarks.cluster import start_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a cluster that this process is connected to."""
    with start_cluster(nodes=2, cpus=2) as address:
        yield address
