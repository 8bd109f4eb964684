"""A Ray cluster of several machines that are all this one, each with its own raylet.

Run as a program: starts as many raylets as it is told, prints their address, and ends them once its
standard input closes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

STORE_BYTES = 100_000_000
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@contextmanager
def raylets(count: int) -> Iterator[str]:
    """Run raylets of one processor each, and yield their cluster's address.

    Raises:
        OSError: Ray's processes did not start in the time that it gives them.
    """
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'edgeq[ray]'")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.raylets", str(count)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            address = running.stdout.readline().strip()
            if not address:
                raise OSError("Ray's processes did not start")
            yield address
        finally:
            running.communicate("")


@contextmanager
def client_server(address: str) -> Iterator[str]:
    """Let clients from outside into a cluster, and yield the address at which they knock."""
    if find_spec("grpc") is None:
        pytest.skip("Ray's client is not installed: pip install 'ray[client]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    module = ("-m", "ray.util.client.server", "--host", "127.0.0.1", "--port", str(port))
    with subprocess.Popen(
        [sys.executable, *module, "--address", address],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as serving:
        try:
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end and serving.poll() is None:
                with socket.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"ray://127.0.0.1:{port}"
        finally:
            serving.terminate()


def actors() -> list[int]:
    """Return the processes of edgeq's actors."""
    return processes(b"ray::Node")


def makers() -> list[int]:
    """Return the processes of edgeq's actors that have a converter."""
    children = processes(b"edgeq.models.serving")
    return sorted({parent(child) for child in children}.intersection(actors()))


def parent(pid: int) -> int:
    """Return the parent of a process, 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def processes(part: bytes) -> list[int]:
    """Return the processes whose command line has a part, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if part in line:
            found.append(int(path.parent.name))
    return sorted(found)


def main() -> None:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(int(sys.argv[1]) - 1):
        cluster.add_node(**node)
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
