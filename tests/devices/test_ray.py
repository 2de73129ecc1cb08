"""A sweep on a Ray cluster of two nodes: built on both, measured one at a time on each."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from ray_nodes import NODES, cluster
from running import CONF, environment, etbench, started_etbench
from waiting import wait_for

from etbench import compose
from etbench.host.environment import RAY_NODE
from etbench.preflight.checks import missing_here
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.sweep.manifest import read_manifest
from etbench.system.event_log import LoggedEvent, read_events

pytestmark = pytest.mark.cold

PRECISIONS = "precision=fp32,fp16,int8,int8_per_tensor"
GRID = ("-m", "--config-dir", str(CONF), "model=tiny", "delegate=portable", PRECISIONS)
OVERRIDES = (
    "repeat.rounds=5",
    "repeat.spread_s=0",
    "hydra/launcher=ray",
    "device=ray",
    "passes.load=1",
    "report.enabled=false",
    "hydra.sweep.dir=out",
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster() as found:
        yield found


@dataclass(frozen=True)
class Sweep:
    """A finished sweep on the cluster."""

    process: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def results(self) -> list[Result]:
        found, unreadable = read_results([self.folder])
        assert not unreadable
        return [result for _, result in found]

    def events(self, kind: str, words: str = "") -> dict[str, LoggedEvent]:
        """The event of each cell of this kind, with these words in its stage or message."""
        found = read_events(self.folder / "events.jsonl")[0]
        return {e.cell_id: e for e in found if e.kind == kind and words in f"{e.stage} {e.message}"}


@pytest.fixture(scope="module")
def sweep(address: str, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    cwd = tmp_path_factory.mktemp("sweep")
    done = etbench(*GRID, *OVERRIDES, cwd=cwd, RAY_ADDRESS=address)
    return Sweep(done, cwd / "out")


def test_a_sweep_has_the_results_and_tables_of_any_other(sweep: Sweep) -> None:
    assert sweep.process.returncode == 0, sweep.process.stdout + sweep.process.stderr
    assert [result.status for result in sweep.results] == 4 * ["ok"]
    assert (sweep.folder / "results.csv").exists()
    manifest = read_manifest(sweep.folder)
    assert manifest.finished_at is not None
    assert manifest.argv == [*GRID, *OVERRIDES]
    assert {cell.cell_id for cell in manifest.cells} == {result.cell_id for result in sweep.results}


def test_all_nodes_build(sweep: Sweep) -> None:
    built = {
        cell: event.message.split()[-1] for cell, event in sweep.events("program_ready", "built").items()
    }
    assert len(built) == 4
    assert len(set(built.values())) == NODES


def test_a_node_measures_one_cell_at_a_time_and_builds_none_meanwhile(sweep: Sweep) -> None:
    begun, over = sweep.events("progress", "measuring on node"), sweep.events("stage_started", "result")
    building, built = sweep.events("stage_started", "import"), sweep.events("program_ready")
    measured_on = {result.cell_id: str(result.environment.node)[:12] for result in sweep.results}
    assert {cell: event.message.split()[-1] for cell, event in begun.items()} == measured_on
    work = [(node, begun[cell].at, over[cell].at) for cell, node in measured_on.items()]
    assert len({node for node, _, _ in work}) == NODES
    builds = [(event.message.split()[-1], building[cell].at, event.at) for cell, event in built.items()]
    for node, start, end in work:
        others = [times for times in [*work, *builds] if times[0] == node and times != (node, start, end)]
        assert others
        for _, other_start, other_end in others:
            both = min(end, other_end) - max(start, other_start)
            # Beyond what is heard late: one that did not wait would lie within the other.
            assert both < 0.9 * min(end - start, other_end - other_start)


def test_a_missing_result_is_measured_again(sweep: Sweep, address: str) -> None:
    before = {result.cell_id: result.created_at for result in sweep.results}
    (sweep.folder / "tiny_int8_portable.json").unlink()
    done = etbench("-m", "sweep.resume=out", cwd=sweep.folder.parent, RAY_ADDRESS=address)
    assert done.returncode == 0, done.stdout + done.stderr
    after = {result.cell_id: result.created_at for result in sweep.results}
    assert before.keys() == after.keys()
    assert sum(before[cell] != after[cell] for cell in before) == 1


JOB = """
import os, sys
import ray
from omegaconf import OmegaConf
from etbench.host.environment import RAY_NODE
from etbench.sweep.ray_launcher import prepare

address, folder, how = sys.argv[1:]
os.chdir(folder)
launcher = OmegaConf.create({"ray": {"init": {"address": address}}})
if how != "unprepared":
    prepare(launcher)
if how == "gone":
    os.chdir("/")
    os.rmdir(folder)
ray.init(**OmegaConf.to_container(launcher.ray.init), log_to_driver=how == "gone")
job = ray.remote(num_cpus=1)(lambda: [os.getcwd(), *map(os.environ.get, [RAY_NODE, "OMP_NUM_THREADS"])])
print(*ray.get(job.remote()), sep="\\n")
"""


def _job(address: str, folder: Path, how: str = "") -> subprocess.CompletedProcess[str]:
    """Run a job of Ray that prints its folder, its node and the threads of OpenMP."""
    folder.mkdir()
    command = [sys.executable, "-c", JOB, address, str(folder), how]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def test_a_job_starts_in_the_folder_of_the_sweep_and_leaves_openmp_alone(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    there, node, threads = _job(address, tmp_path / "sweep").stdout.splitlines()[-3:]
    assert there == str(tmp_path / "sweep")
    assert len(node) == 56
    assert threads == "None"
    missing = _job(address, tmp_path / "missing", "gone")
    assert "no such folder; start the sweep in one that all nodes share" in missing.stdout + missing.stderr
    *_, unprepared = _job(address, tmp_path / "other", "unprepared").stdout.splitlines()
    assert unprepared == "1", "Ray leaves OpenMP alone by itself now: that cure can go"


def test_a_killed_sweep_leaves_nothing_running_on_the_nodes(address: str, tmp_path: Path) -> None:
    overrides = ("repeat.rounds=500", "repeat.runs=5000", "repeat.rounds_s=60", *OVERRIDES[2:])
    with started_etbench(*GRID[:5], *overrides, cwd=tmp_path, RAY_ADDRESS=address) as process:
        wait_for(lambda: "round" in {e.kind for e in read_events(tmp_path / "out" / "events.jsonl")[0]})
        assert _at_work()
        process.kill()
    wait_for(lambda: not _at_work())


def _at_work() -> list[psutil.Process]:
    """Return the processes of etbench that jobs of Ray have started."""
    found = psutil.process_iter(["cmdline", "environ"])
    return [
        process
        for process in found
        if "-m etbench." in " ".join(process.info["cmdline"] or [])
        and RAY_NODE in (process.info["environ"] or {})
    ]


def test_a_run_outside_of_the_cluster_is_measured_on_a_node_and_again_if_that_is_lost(
    address: str, tmp_path: Path
) -> None:
    cell = (*GRID[1:5], "passes.load=1", "device=ray", f"device.address={address}")
    long = ("repeat.rounds=30", "repeat.runs=30", "repeat.spread_s=0")
    with started_etbench(*cell, *long, "hydra.run.dir=out", cwd=tmp_path) as process:
        wait_for(lambda: "round" in {e.kind for e in read_events(tmp_path / "out" / "events.jsonl")[0]})
        measuring = min(_at_work(), key=psutil.Process.create_time)  # the others are its rounds
        measuring.parent().kill()
        printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    (result,) = Sweep(subprocess.CompletedProcess([], 0), tmp_path / "out").results
    assert result.environment.node is not None
    assert result.lost_connections == 1
    assert [facts.block for facts in result.round_facts] == [*range(30)], "all are from one process"
    done = etbench(*cell, "device.pool=boards", "hydra.run.dir=none", cwd=tmp_path)
    assert done.returncode == 1
    (result,) = Sweep(done, tmp_path / "none").results
    assert result.failure is not None
    assert result.failure.stage == "connect"
    assert f"none of the {NODES} nodes of the Ray cluster has this resource" in result.failure.message
    assert "boards" in result.failure.hint


def test_without_ray_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = compose(["device=ray"])
    assert not missing_here(cell)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert missing_here(cell) == [
        "device=ray: the package 'ray' is not installed: pip install \"etbench[ray]\""
    ]


def test_ray_does_not_take_the_handler_of_sigterm() -> None:
    import ray  # here, since it takes a second

    from etbench.devices.ray import _own_handler_of_sigterm

    before = signal.signal(signal.SIGTERM, own := lambda *_: None)
    try:
        with _own_handler_of_sigterm():
            ray._private.utils.set_sigterm_handler(lambda *_: sys.exit(15))  # as `ray.init` does
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
