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
from running import environment
from waiting import wait_for

NODES = 2


@contextmanager
def cluster() -> Iterator[str]:
    """Run the cluster, whose cache is empty, give its address, and see to it that no process outlives it."""
    # Sockets want a short path, and a process that is ending may still write a line of its log.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
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
    found = psutil.process_iter(["cmdline", "environ"])  # workers have a title for a command line
    return [
        process
        for process in found
        if folder in " ".join(process.info["cmdline"] or [])
        or (process.info["environ"] or {}).get("RAY_TMPDIR") == folder
    ]


def _serve(folder: str) -> None:
    os.environ |= {
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_memory_monitor_refresh_ms": "0",  # other tests may fill the memory for a moment
    }
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    try:
        for number in range(NODES):
            more = {} if number else {"include_dashboard": False}
            nodes.add_node(wait=False, num_cpus=1, resources={"device_pool": 1}, **more)
        nodes.wait_for_nodes(timeout=600)
        sys.stdout.write(f"{nodes.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        nodes.shutdown()


if __name__ == "__main__":
    _serve(sys.argv[1])
