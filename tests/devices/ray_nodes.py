"""A real Ray cluster of two nodes on this machine, each with one CPU and one `device_pool`.

As a script it is the cluster: it prints the address, and ends with its standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from support import environment, wait_for

NODES = 2


@contextmanager
def cluster() -> Iterator[str]:
    """Run the cluster, whose cache is empty, give its address, and see to it that no process outlives it."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:  # sockets want a short path
        with subprocess.Popen(
            [sys.executable, __file__, folder],
            cwd=folder,
            env=environment(ETBENCH_CACHE=f"{folder}/cache"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "the cluster did not start"
            yield address
            process.communicate()
        wait_for(lambda: not _processes_of(folder))


def _processes_of(folder: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if folder in " ".join(process.info["cmdline"] or [])]


def _serve(folder: str) -> None:
    os.environ |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    try:
        for number in range(NODES):
            more = {} if number else {"include_dashboard": False}
            nodes.add_node(num_cpus=1, resources={"device_pool": 1}, **more)
        sys.stdout.write(f"{nodes.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        nodes.shutdown()


if __name__ == "__main__":
    _serve(sys.argv[1])
