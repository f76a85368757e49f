"""One Ray cluster of two nodes for all tests of a session; every process of it is real."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

CPUS = 2
"""Of each node, whatever the machine has: replicas and tasks must go to both."""

VARIABLES = {
    "PYTHONPATH": str(REPOSITORY),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Start the cluster, connect this process to it, and return its address."""
    os.environ.update(VARIABLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own making
        import ray
        from ray.cluster_utils import Cluster

        node = {"num_cpus": CPUS, "object_store_memory": 80 * 1024**2, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            cluster.add_node(num_cpus=CPUS, object_store_memory=80 * 1024**2)
            cluster.wait_for_nodes()
            ray.init(address=cluster.address, log_to_driver=False)
            yield cluster.address
        finally:
            ray.shutdown()
            cluster.shutdown()
