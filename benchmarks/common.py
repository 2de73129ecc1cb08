"""Shared by the benchmarks: a built program, and measurements of it as etbench takes them."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from etbench.builder import build
from etbench.config import Cell
from etbench.config.devices import HostDevice
from etbench.devices import place
from etbench.host.environment import available_cores, read_environment
from etbench.host.load import MachineLoad
from etbench.measure import Decide, Series, Subject, measure_series
from etbench.preflight.compose import compose
from etbench.results.schema import Result, RoundFacts
from etbench.stats import Interval, assess, location_interval, summarize
from etbench.stats.interval import MIN_ROUNDS


@contextmanager
def built(*overrides: str, config_dir: Path | None = None) -> Iterator[tuple[Cell, Subject]]:
    """Build a cell's program into a temporary folder; yield it as a subject with default settings."""
    cell = compose(list(overrides), config_dir=config_dir)
    with tempfile.TemporaryDirectory(prefix="etbench-") as name:
        folder = Path(name)
        artifact = build(cell.recipe, folder, log=folder / "log", on_event=lambda _: None)
        yield (
            cell,
            Subject(
                folder=name,
                repeat=cell.repeat,
                threads=available_cores(),
                logits_axis=artifact.logits_axis,
                log=str(folder / "log"),
            ),
        )


def measured(
    cell: Cell, subjects: Sequence[Subject], *, together: bool = False, decide: bool = False
) -> list[Series]:
    """Measure subjects as a user's cells are measured.

    With `together`, the second is compared with the first; with `decide`, until that is decided.
    """
    scratch = Path(subjects[0].folder)
    if together:
        question = Decide(threshold=cell.fail_above, family=1) if decide else None
        base, new = subjects
        subjects = [base, msgspec.structs.replace(new, base=0, decide=question)]
    log = scratch / "log"
    place_for = partial(place, HostDevice(), scratch=scratch, log=log)
    return measure_series(subjects, cell.measure, place_for=place_for, log=log)


def interval_of(rounds_ms: Sequence[Sequence[float]]) -> Interval:
    """Return the interval of a level, from rounds that must be enough for one."""
    interval = location_interval(rounds_ms)
    if interval is None:
        sys.exit(f"{len(rounds_ms)} rounds are too few for an interval: at least {MIN_ROUNDS} are needed")
    return interval


def with_rounds(result: Result, rounds: list[list[float]]) -> Result:
    """Return a result of these rounds instead of its own, with all that is recorded of rounds today."""
    load = MachineLoad(
        other_cpu_share=0.012345, steal_share=0.0, involuntary_switches=1, major_faults=0, frequency_mhz=None
    )
    facts = [
        RoundFacts(
            block=block, started_s=block * 0.2, load_ms=4.9687, first_inference_ms=2.6037, warmup=2, load=load
        )
        for block in range(len(rounds))
    ]
    return msgspec.structs.replace(
        result,
        repeat=sum(map(len, rounds)),
        rounds=rounds,
        round_facts=facts,
        latency_ms=summarize(rounds),
        stability=assess(rounds, other_cpu_shares=[0.01] * len(rounds), steal_shares=[0.0] * len(rounds)),
    )


def timed(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Run a command that must succeed and return its seconds; what it printed is shown only if it fails."""
    begun = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{shlex.join(command)}: exit status {done.returncode}")
    return time.monotonic() - begun


def print_machine() -> None:
    """Print which machine and versions the figures come from."""
    facts = read_environment(threads=None)
    versions = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    print(f"{facts.cpu}, {facts.available_cores} cores, {facts.memory_bytes / 2**30:.0f} GiB; {versions}\n")
