"""A real Ray cluster on this machine and the service on it, to be measured or tested."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from benchmarks.server import REPOSITORY

_SERVE = Path(sys.executable).with_name("serve")
_START_S = 120
_LOOK_S = 0.2
_STORE_BYTES = 80 * 1024**2


@contextmanager
def start_cluster(*, nodes: int, cpus: int) -> Iterator[str]:
    """Start a cluster of so many nodes, connect this process to it, and yield its address.

    `cpus` is what each node says that it has, whatever is there.
    """
    os.environ.update(
        PYTHONPATH=str(REPOSITORY),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_AUTH_TOKEN=secrets.token_hex(32),  # else Ray keeps one in the user's home
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own making
        import ray
        from ray.cluster_utils import Cluster

        node: dict[str, Any] = {"num_cpus": cpus, "object_store_memory": _STORE_BYTES}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            for _ in range(nodes - 1):
                cluster.add_node(**node)
            cluster.wait_for_nodes()
            ray.init(address=cluster.address, log_to_driver=False)
            yield cluster.address
        finally:
            ray.shutdown()
            cluster.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def serve_replicas(cluster: str, log: Path, **settings: str) -> Iterator[str]:
    """Serve on the cluster by its own commands, wait until that is ready, and yield the URL.

    Raises `RuntimeError` if it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {name: text for name, text in os.environ.items() if "SHARPEN_" not in name}
    variables |= {f"SHARPEN_{name.upper()}": text for name, text in settings.items()}
    variables["RAY_ADDRESS"] = cluster
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as stream:

        def run(*words: str) -> "subprocess.Popen[bytes]":
            command = [str(_SERVE), *words]
            return subprocess.Popen(
                command, cwd=REPOSITORY, env=variables, stdout=stream, stderr=stream
            )

        run("start", "--http-host", "127.0.0.1", "--http-port", str(port)).wait(_START_S)
        running = run("run", "service.ray:app")
        try:
            _wait_until_ready(url, running, log)
            yield url
        finally:
            running.send_signal(signal.SIGINT)  # which takes the application down too
            running.wait(_START_S)
            run("shutdown", "--yes").wait(_START_S)


def _wait_until_ready(url: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and running.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        time.sleep(_LOOK_S)
    raise RuntimeError(f"nothing is served: {log.read_text()}")
