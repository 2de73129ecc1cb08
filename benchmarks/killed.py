"""Sweeps of which a process is killed with -9 at a random moment, until they are complete: is anything lost?

    python benchmarks/killed.py --kills 24 --whom main,zygote,round,builder

The process is etbench itself (``main``), the measuring process (``zygote``), the process of a round or check,
or a builder. After each kill the sweep is resumed, and after a complete one another begins. Exits with status
1 unless, after each kill, no process of the sweep is left, no result of before has changed and the rounds of
some seconds before are kept, and each complete sweep has its planned cells, all ok, each once.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from common import print_machine

from etbench.system.event_log import EVENT_LOG, read_events

TESTS = Path(__file__).parents[1] / "tests"
GRID = [
    *("--config-dir", str(TESTS / "conf"), "model=tiny,slow", "delegate=portable", "report.enabled=false"),
    *("repeat.runs=20", "repeat.rounds=20", "repeat.spread_s=0", "repeat.rounds_s=9999"),
    *("measure.block_max_s=9999", "passes.load=1"),
]
MODULES = {"zygote": "etbench.measure.worker.main", "builder": "etbench.builder.worker"}
KINDS = ("main", "round", *MODULES)
KEPT_AFTER_S = 15.0  # rounds are kept every 5 s; a busy machine may take longer


class Sweep:
    """A sweep in a folder of its own, with what is known of it from leg to leg."""

    def __init__(self, folder: Path, grid: list[str]) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.arguments = [*grid, f"hydra.sweep.dir={self.out}"]
        self.ok: dict[str, str] = {}
        self.faults: list[str] = []

    def leg(self, whom: str | None, moment: random.Random, within_s: float) -> bool:
        """Run the sweep or resume it, and kill one of its processes if it still runs then."""
        own = ["cache.enabled=false"] if whom == "builder" else []  # else all is built in the first leg
        command = [sys.executable, "-m", "etbench", "-m", *self.arguments, *own]
        environment = os.environ | {
            "ETBENCH_CACHE": str(self.folder.parent / "cache"),
            "PYTHONPATH": str(TESTS),
        }
        family: list[psutil.Process] = []
        with (self.folder / "printed").open("ab") as printed:
            process = subprocess.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT)
            killed = whom is not None and self._kill(whom, process, moment.uniform(0, within_s), family)
            status = process.wait()
        self.arguments = [f"sweep.resume={self.out}"]
        psutil.wait_procs(family, timeout=10)
        self.faults += [f"{child} is left" for child in family if child.is_running()]
        self._check_results(status, whom if killed else None)
        return killed

    @property
    def complete(self) -> bool:
        """Whether each planned cell has its result, and all are ok."""
        manifest = self.out / ".sweep" / "manifest.json"
        over = manifest.exists() and json.loads(manifest.read_text())["finished_at"] is not None
        return over and len(self.ok) == len(list(self.out.glob("*.json")))

    def _kill(
        self, whom: str, main: subprocess.Popen[bytes], after_s: float, family: list[psutil.Process]
    ) -> bool:
        """Kill a process of this kind some time after timing (or building) began; False if there is none."""
        begun = time.time()
        if whom != "builder":
            _poll(main, lambda: self._has_round_since(begun))
        elif not _poll(main, lambda: _find(whom, main)):
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            main.wait(after_s)
        victim = _poll(main, lambda: _find(whom, main))
        if victim is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            family += psutil.Process(main.pid).children(recursive=True)
            self.killed_at = datetime.now(UTC)
            victim.send_signal(signal.SIGKILL)
            return True
        return False

    def _has_round_since(self, begun: float) -> bool:
        events = read_events(self.out / EVENT_LOG)[0]
        return any(event.kind == "round" and event.at.timestamp() > begun for event in events)

    def _check_results(self, status: int, killed: str | None) -> None:
        results = _results(self.out.glob("*.json"))
        states = Counter(result["status"] for result in results.values())
        for name, digest in self.ok.items():
            if name not in results or _digest(self.out / name) != digest:
                self.faults.append(f"{name} was ok before and is gone or changed")
        self.ok = {
            name: _digest(self.out / name) for name, result in results.items() if result["status"] == "ok"
        }
        if killed:
            self._check_rounds(results)
        elif states.keys() != {"ok"} or not self.complete:
            failed = [result["failure"] for result in results.values() if result["failure"]]
            messages = [f"{one['stage']}: {one['message']}" for one in failed]
            self.faults.append(f"nothing was killed, and the sweep ended with {dict(states)}: {messages}")
        print(f"  killed {killed}: status {status}, {dict(states)}, errors: {self.faults}", flush=True)

    def _check_rounds(self, results: dict[str, Any]) -> None:
        """Check that the rounds of each unfinished cell are kept that were there some seconds before."""
        kept = Counter[str]()
        for result in [*results.values(), *_results(self.out.glob(".partial/*.json")).values()]:
            kept[result["cell_id"]] = max(kept[result["cell_id"]], len(result["rounds"]))
        rounds: dict[str, int] = {}
        for event in read_events(self.out / EVENT_LOG)[0]:
            if event.kind == "cell_started":
                rounds[event.cell_id] = 0  # another leg
            elif event.kind == "round" and event.at < self.killed_at - timedelta(seconds=KEPT_AFTER_S):
                rounds[event.cell_id] = event.done
        for cell, count in rounds.items():
            if kept[cell] < count:
                self.faults.append(
                    f"cell {cell} had {count} rounds long before the kill, {kept[cell]} are kept"
                )

    def check_whole(self) -> None:
        """Check that the complete sweep has its planned cells, each once, and nothing else."""
        manifest = json.loads((self.out / ".sweep" / "manifest.json").read_text())
        counted = Counter(result["cell_id"] for result in _results(self.out.glob("*.json")).values())
        if counted != Counter(cell["cell_id"] for cell in manifest["cells"]):
            self.faults.append(
                f"{len(manifest['cells'])} cells were planned, these have results: {dict(counted)}"
            )
        left = [path for path in self.out.rglob("*") if path.name == ".partial" or path.suffix == ".tmp"]
        self.faults += [f"{path} was left behind" for path in left]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument(
        "--whom", default=",".join(KINDS), help="kinds of processes, killed one after another"
    )
    parser.add_argument(
        "--within", type=float, default=5.0, help="seconds of timing or building before a kill"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments")
    parser.add_argument("--grid", nargs="*", default=GRID)
    args = parser.parse_args()
    print_machine()
    moment, kinds = random.Random(args.seed), args.whom.split(",")
    done, legs, sweeps = Counter[str](), 0, 0
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="killed-") as name:
        while done.total() < args.kills:
            folder = Path(name) / f"sweep-{sweeps}"
            folder.mkdir()
            sweep, sweeps = Sweep(folder, args.grid), sweeps + 1
            print(f"sweep {sweeps}", flush=True)
            while not sweep.complete and not sweep.faults:
                whom = kinds[legs % len(kinds)] if done.total() < args.kills else None
                done[str(whom)] += sweep.leg(whom, moment, args.within)
                legs += 1
            sweep.check_whole()
            faults += sweep.faults
            shutil.rmtree(folder)
    for fault in faults:
        print(f"ERROR: {fault}")
    print(f"kills: {dict(+done)}; complete sweeps: {sweeps}; errors: {len(faults)}")
    return 1 if faults else 0


def _find(whom: str, main: subprocess.Popen[bytes]) -> psutil.Process | None:
    """Return the process of a kind among those that a sweep runs now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(main.pid)
        if whom == "main":
            return process
        module = MODULES.get(whom, MODULES["zygote"])
        found = [child for child in process.children() if module in " ".join(child.cmdline())]
        if whom == "round":
            found = [forked for child in found for forked in child.children()]
        return found[0] if found else None
    return None


def _poll(main: subprocess.Popen[bytes], condition: Callable[[], Any]) -> Any:
    """Return what the condition returns once that is true; None if the process ends before."""
    while main.poll() is None:
        if found := condition():
            return found
        time.sleep(0.02)
    return None


def _results(paths: Any) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in paths}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
