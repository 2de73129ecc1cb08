"""Temporary folders: gone at the end, removed by the next run where a kill left them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment

from etbench.system.workspace import workspace

HOLD = """
import sys, time
from pathlib import Path
from etbench.system.workspace import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    time.sleep(600)
"""


def test_it_is_gone_at_the_end_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as asked"), workspace(tmp_path) as folder:
        (folder / "file").touch()
        raise ValueError("as asked")
    assert list(tmp_path.iterdir()) == []


def test_one_of_a_living_process_stays_and_one_of_a_killed_process_goes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        other = Path(holder.stdout.readline().strip())
        with workspace(tmp_path):
            assert (other / "file").exists()
        holder.kill()
        holder.wait()
        assert (other / "file").exists(), "nobody was left to remove it"
        with workspace(tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder]


def test_one_of_another_host_goes_by_its_age_alone(tmp_path: Path) -> None:
    """Whether its owner lives cannot be told from here, where the lock may not reach."""
    (foreign := tmp_path / "etbench-elsewhere-abc").mkdir()
    (foreign / ".owned").touch()
    with workspace(tmp_path):
        assert foreign.exists()
    os.utime(foreign, (1_000, 1_000))
    with workspace(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
