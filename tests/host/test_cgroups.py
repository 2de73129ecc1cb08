"""Limits of control groups, in made-up trees of files and in real groups."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from etbench.builder.memory import available_bytes
from etbench.host import cgroups
from etbench.host.environment import available_cores

MB = 10**6
V2 = {"cpu.max": "max 100000", "memory.max": "max", "memory.current": "0", "memory.stat": "inactive_file 0"}


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /proc/self; the groups are mounted in a folder beside it."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")
    (tmp_path / "proc").mkdir()
    return tmp_path / "proc"


def _write(proc: Path, memberships: str, mounts: str, groups: dict[str, dict[str, str]]) -> None:
    """Write what the kernel shows: `{}` in the mounts is the folder of all groups."""
    top = proc.parent / "a b"
    (proc / "cgroup").write_text(memberships)
    (proc / "mountinfo").write_text(mounts.replace("{}", str(top).replace(" ", r"\040")))
    for group, files in groups.items():
        (folder := top / group).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")


def test_the_smallest_limit_of_nested_groups_of_version_2_counts(proc: Path) -> None:
    _write(
        proc,
        "0::/system.slice/x/y\n",
        "22 1 0:2 / /proc rw - proc proc rw\n30 1 0:3 / {} rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
        {
            "": {},  # the root has no limits
            "system.slice": V2 | {"memory.max": f"{900 * MB}", "memory.current": f"{800 * MB}"},
            "system.slice/x": V2 | {"cpu.max": "150000 100000", "memory.max": f"{700 * MB}"},
            "system.slice/x/y": V2 | {"cpu.max": "400000 100000"},
            "system.slice/other": V2 | {"cpu.max": "1000 100000", "memory.max": "1"},
        },
    )
    assert cgroups.cpu_limit() == 1.5
    assert cgroups.memory_limit_bytes() == 700 * MB
    assert cgroups.memory_left_bytes() == 100 * MB, "that of another group than the smallest"
    assert available_cores() <= 2
    (proc.parent / "a b/system.slice/memory.stat").write_text(f"anon 1\ninactive_file {50 * MB}\n")
    assert cgroups.memory_left_bytes() == 150 * MB
    assert available_bytes() == min(150 * MB, psutil.virtual_memory().available)


V1 = """\
29 1 0:2 / {{}}/systemd rw - cgroup cgroup rw,name=systemd
30 1 0:3 {root} {{}}/cpu rw - cgroup cgroup rw,cpu,cpuacct
31 1 0:4 {root} {{}}/memory rw - cgroup cgroup rw,memory
"""


@pytest.mark.parametrize(
    ("root", "below"), [("/", "docker/1/"), ("/docker/1", ""), ("/elsewhere", "")], ids=str
)
def test_groups_of_version_1_as_the_host_and_as_a_container_sees_them(
    root: str, below: str, proc: Path
) -> None:
    """In a container, its own group is at the top of the mount, whatever the path of the group is."""
    unlimited = {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}
    _write(
        proc,
        "9:name=systemd:/\n4:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n0::/docker/1\n",
        V1.format(root=root),
        {
            "cpu": unlimited,
            "memory": {"memory.limit_in_bytes": str(2**63 - 4096), "memory.usage_in_bytes": "1"},
            f"cpu/{below}": {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"},
            f"memory/{below}": {
                "memory.limit_in_bytes": f"{900 * MB}",
                "memory.usage_in_bytes": f"{300 * MB}",
                "memory.stat": f"inactive_file 1\ntotal_inactive_file {100 * MB}",
            },
        },
    )
    assert cgroups.cpu_limit() == 0.5
    assert available_cores() == 1
    assert (cgroups.memory_limit_bytes(), cgroups.memory_left_bytes()) == (900 * MB, 700 * MB)


@pytest.mark.parametrize(
    "memberships",
    ["", "0::/\n", "0::/../../other\n", "3:cpu:/\n"],
    ids=["not Linux", "no limits", "outside", "not mounted"],
)
def test_without_limits_the_machine_is_all(memberships: str, proc: Path) -> None:
    _write(proc, memberships, "30 1 0:3 / {} rw - cgroup2 cgroup2 rw\n", {"": {}})
    if not memberships:
        (proc / "cgroup").unlink()
    assert (cgroups.cpu_limit(), cgroups.memory_limit_bytes(), cgroups.memory_left_bytes()) == 3 * (None,)
    assert available_bytes() <= psutil.virtual_memory().total


@contextlib.contextmanager
def _nested(controller: str, limits: dict[str, str]) -> Iterator[Path]:
    """Make a real group with the one of these limits that its version has, and yield a group inside it."""
    folders = [folder for folder, _ in cgroups._groups(controller)]
    for top in (folder for folder in folders if folder.parent not in folders):
        outer = top / f"etbench-test-{os.getpid()}"
        outer.mkdir()
        try:
            if names := [name for name in limits if (outer / name).exists()]:
                (outer / names[0]).write_text(limits[names[0]])
                (outer / "inner").mkdir()
                yield outer / "inner"
                return
        finally:
            for group in (outer / "inner", outer):
                with contextlib.suppress(FileNotFoundError):
                    group.rmdir()
    raise LookupError(f"{controller}: no group has limits")


INSIDE = """
import os, sys
from pathlib import Path
for group in sys.argv[1:]:
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
from etbench.builder.memory import available_bytes
from etbench.builder.pool import default_builders
from etbench.host.environment import available_cores, read_environment
facts = read_environment(threads=None)
print(facts.cpu_limit, facts.memory_limit_bytes, available_cores(), default_builders(), available_bytes())
"""


def test_the_limits_of_real_groups() -> None:
    memory = str(800 * 2**20)
    try:
        with (
            _nested("cpu", {"cpu.max": "100000 100000", "cpu.cfs_quota_us": "100000"}) as one_cpu,
            _nested("memory", {"memory.max": memory, "memory.limit_in_bytes": memory}) as little,
        ):
            done = subprocess.run(
                [sys.executable, "-c", INSIDE, str(one_cpu), str(little)],
                capture_output=True,
                text=True,
                check=True,
            )
    except (OSError, LookupError) as error:
        pytest.skip(f"no groups with limits can be made here: {error!r}")
    limit, limit_bytes, cores, builders, left_bytes = done.stdout.split()
    assert (limit, limit_bytes, cores, builders) == ("1.0", memory, "1", "1")
    assert 0 < int(left_bytes) < int(memory)
