"""How far apart separate runs of one program are on this machine, measured with runs of one small program."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from etbench.config.command import python_command, quoted
from etbench.errors import EtbenchError
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.stats.separate import Drift, drift_of

__all__ = ["PROGRAM", "RUNS", "measure_drift"]

RUNS = 10  # nine degrees of freedom: the upper bound is 1.6 times the estimate
PROGRAM = ("model=mobilenet_v2", "precision=fp32", "delegate=xnnpack")


def measure_drift(folder: Path, *, over_s: float, tell: Callable[[int, Result], None]) -> tuple[Drift, float]:
    """Run etbench `RUNS` times on a small program; return how far apart the runs are, and their span in s.

    Each is a run as a user starts one, so what differs between them is what differs between a user's runs.

    Args:
        folder: for the results of the runs.
        over_s: seconds from the start of the first run to the start of the last; if the runs take longer,
            they follow each other.
        tell: called after each run, with its number from 1 and its result.

    Raises:
        EtbenchError: if a run fails or has too few rounds.

    """
    _run(folder / "unused")  # the first one may build the program, which heats the machine
    begun, rounds, span_s = time.monotonic(), [], 0.0
    for number in range(RUNS):
        time.sleep(max(0.0, begun + number * over_s / (RUNS - 1) - time.monotonic()))
        span_s = time.monotonic() - begun
        result = _run(folder / str(number))
        tell(number + 1, result)
        rounds.append(result.rounds)
    try:
        return drift_of(rounds), span_s
    except ValueError as error:
        raise EtbenchError(str(error), stage="doctor") from error


def _run(folder: Path) -> Result:
    command = python_command([*PROGRAM, f"hydra.run.dir={quoted(str(folder))}"])
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    results = read_results([folder])[0] if folder.exists() else []
    if done.returncode or not results:
        raise EtbenchError(
            f"a run of {' '.join(PROGRAM)} failed with exit status {done.returncode}:\n{done.stderr.strip()}",
            stage="doctor",
        )
    return results[0][1]
