"""Sweeps in which something goes wrong, and what must hold of them all the same."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from running import BRIEF, CONF, etbench
from waiting import leftovers

from etbench.results.files.store import read_results
from etbench.results.schema import Result

QUICK = (*BRIEF, "repeat.runs=3", "repeat.warmup=1")


@dataclass(frozen=True)
class Swept:
    """What a sweep printed, its folder, and its results by their file's name."""

    done: subprocess.CompletedProcess[str]
    folder: Path
    results: dict[str, Result]

    def failure_of(self, stem: str) -> str:
        """Stage, kind and message of a failed cell in one line."""
        result = self.results[stem]
        assert result.failure is not None, f"{stem} is {result.status}"
        return f"{result.failure.stage} {result.failure.kind}: {result.failure.message}"


def arguments(*overrides: str) -> tuple[str, ...]:
    """The command line of a small sweep on portable kernels into the folder `out`."""
    chosen = {text.split("=")[0] for text in overrides}
    delegate = () if "delegate" in chosen else ("delegate=portable",)
    return ("-m", "--config-dir", str(CONF), *delegate, *QUICK, "hydra.sweep.dir=out", *overrides)


def sweep(cwd: Path, *overrides: str, status: int, cells: int, **env: str) -> Swept:
    """Run a sweep to its end: it must have one result a cell, and leave nothing behind."""
    done = etbench(*arguments(*overrides), cwd=cwd, timeout=1200, **env)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return finished(cwd / "out", done, cells)


def finished(folder: Path, done: subprocess.CompletedProcess[str], cells: int) -> Swept:
    """Read the folder of a sweep that has ended."""
    found, unreadable = read_results([folder])
    assert not unreadable
    results = {path.stem: result for path, result in found}
    assert len(results) == cells, sorted(results)
    assert len({result.cell_id for result in results.values()}) == cells, "a cell has two results"
    assert not leftovers(folder)
    assert not (folder / ".partial").exists()
    return Swept(done, folder, results)
