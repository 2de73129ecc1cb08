"""`--dry-run`: what a run or sweep would do, how long it would take and what it would keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from etbench.builder.cache import Cache, cache_folder, recipe_key
from etbench.builder.pool import UNKNOWN_S
from etbench.builder.times import BuildTimes
from etbench.cli.program_sizes import UNKNOWN_BYTES, ProgramSizes
from etbench.config import Cell
from etbench.engine.baseline import find_base
from etbench.errors import ConfigError, EtbenchError
from etbench.events import Event
from etbench.preflight.checks import faults_here
from etbench.preflight.grid import expanded
from etbench.redaction import without_secrets
from etbench.results.files.store import read_results
from etbench.results.schema.names import cell_words
from etbench.results.tables.numbers import data_size
from etbench.sweep.eta import Estimate
from etbench.sweep.manifest import accuracy_changed
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, print_line
from etbench.text import counted, seconds_text

__all__ = ["Planned", "plan", "print_plan"]

COLUMNS = (Column("cell", wraps=True), Column("program", wraps=True), Column("then", wraps=True))


@dataclass(frozen=True)
class Planned:
    """A cell and what a run would do with it.

    Args:
        cell: of the grid.
        program: where the program comes from, in words; empty if it is not needed.
        then: what is done with the program.
        builds: whether it is built.
        measures: whether it is timed.
        bytes: size of the program, if one of this recipe or name is known.
        guessed: size that other programs of the model suggest, if it is not known.
        last_s: how long its last build took, if that was recorded.

    """

    cell: Cell
    program: str
    then: str
    builds: bool = False
    measures: bool = False
    bytes: int | None = None
    guessed: float | None = None
    last_s: float | None = None


def print_plan(argv: Sequence[str]) -> int:
    """Print what a checked command line would do, and return the exit status.

    Raises:
        ConfigError: with all errors of the cells.

    """
    folder, cells = expanded(argv)
    if faults := list(dict.fromkeys(fault for cell in cells for fault in faults_here(cell))):
        raise ConfigError(faults)
    planned = plan(cells, folder)
    console = plain_console()
    print_table(console, COLUMNS, [(_name(one.cell), one.program, one.then) for one in planned])
    for line in _summary(planned):
        print_line(line, console)
    return 0


def plan(cells: Sequence[Cell], folder: Path) -> list[Planned]:
    """Return for each cell what a run would do with it.

    Args:
        cells: of the grid.
        folder: of the results; it may have some of the sweep that is resumed.

    """
    done = _finished(cells[0], folder)
    first = cells[0].cache
    cache = None
    if first.enabled:
        cache = Cache(cache_folder(first.dir), int(first.max_gb * 1e9), shared=first.shared)
    sizes = ProgramSizes(cache.entries() if cache else ())
    times = BuildTimes(cache_folder(first.dir))
    seen: dict[bytes, str] = {}
    planned = []
    for cell in cells:
        if cell.cell_id in done:
            planned.append(Planned(cell, "", "already finished"))
        elif reason := cell.impossible():
            planned.append(Planned(cell, "", f"skipped: {reason}"))
        elif reason := _no_baseline(cell):
            planned.append(Planned(cell, "", f"fails: {reason}"))
        else:
            planned.append(_wanted(cell, cache, sizes, times, seen))
    return planned


def _no_baseline(cell: Cell) -> str:
    """Return why the baseline that a cell asks for cannot be found; empty if it can, or if there is none."""
    try:
        if cell.compare_to is not None:
            find_base(cell, cell.compare_to)
    except EtbenchError as error:
        return error.message
    return ""


def _wanted(
    cell: Cell, cache: Cache | None, sizes: ProgramSizes, times: BuildTimes, seen: dict[bytes, str]
) -> Planned:
    reason = cell.no_runtime()
    then = reason or "timed"  # the reason begins with what is still done
    recipe = msgspec.json.encode(cell.recipe, order="sorted")
    if recipe in seen:
        return Planned(cell, f"same as {seen[recipe]}", then, measures=not reason)
    seen[recipe] = _name(cell)
    if cell.model.ready:
        return Planned(cell, "already built", then, measures=not reason)
    key = recipe_key(cell.recipe)
    artifact, changed = None, ""
    if cache is not None and key is not None:
        artifact, changed = cache.find(key, env=cell.recipe.python)
    if artifact and artifact.refusal:
        return Planned(cell, "", f"skipped: {artifact.refusal}")
    if artifact:
        return Planned(cell, "in the cache", then, measures=not reason, bytes=artifact.pte_bytes)
    seconds = times.expected(cell.stem)
    words = f"to build: {changed}" if changed else "to build"
    words = words if seconds is None else f"{words}, {seconds_text(seconds)} last time"
    return Planned(
        cell,
        words,
        then,
        builds=True,
        measures=not reason,
        bytes=sizes.last(cell),
        guessed=sizes.guess(cell),
        last_s=seconds,
    )


def _finished(cell: Cell, folder: Path) -> set[str]:
    """Return the cells that a resumed sweep would not run again."""
    if cell.sweep.resume is None:
        return set()
    results = read_results(sorted(folder.glob("*.json")))[0]
    return {
        result.cell_id
        for _, result in results
        if result.status != cell.sweep.retry and not accuracy_changed(result)
    }


def _summary(planned: Sequence[Planned]) -> list[str]:
    """Return lines about how much there is to do, how long it takes and what it keeps on the disk."""
    builds = [one for one in planned if one.builds]
    measured = [one for one in planned if one.measures]
    lines = [f"{counted(len(planned), 'cell')}: {len(builds)} to build, {len(measured)} to time"]
    if builds or measured:
        lines[0] += f"; about {seconds_text(_seconds(planned))} in all"
    if builds:
        lines += [_build_times(planned), _disk(builds)]
    settings = planned[0].cell.cache
    if settings.enabled and settings.remote:
        lines.append(f"the remote cache {without_secrets(settings.remote)} was not checked")
    return lines


def _build_times(planned: Sequence[Planned]) -> str:
    """Return how many builds have a recorded time, and what is assumed for the others."""
    builds = [one for one in planned if one.builds]
    never = sum(one.last_s is None for one in builds)
    recorded = len(builds) - never
    parts = [f"{counted(recorded, 'build')} with the time of the last one"] if recorded else []
    if never:
        parts.append(f"{counted(never, 'build')} without a recorded time, {UNKNOWN_S:.0f} s assumed for each")
    builders = Estimate([one.cell for one in planned]).builders
    at_once = f"; {builders} programs are built at once" if min(builders, len(builds)) > 1 else ""
    return f"build times: {', '.join(parts)}{at_once}"


def _disk(builds: Sequence[Planned]) -> str:
    """Return how much the programs take, where, and for how many of them that is a guess."""
    known = [one.bytes for one in builds if one.bytes is not None]
    guessed = [one.guessed for one in builds if one.bytes is None and one.guessed is not None]
    unknown = len(builds) - len(known) - len(guessed)
    total = sum(known) + sum(guessed) + unknown * UNKNOWN_BYTES
    parts = [f"{counted(len(known), 'program')} as large as the last one"] if known else []
    if guessed:
        parts.append(f"{counted(len(guessed), 'program')} guessed from others of the same model")
    if unknown:
        parts.append(
            f"{counted(unknown, 'program')} of unknown size, {data_size(UNKNOWN_BYTES)} assumed for each"
        )
    settings = builds[0].cell.cache
    where = (
        f"in {cache_folder(settings.dir)}" if settings.enabled else "during the run, because the cache is off"
    )
    return f"disk: about {data_size(total)} {where}: {', '.join(parts)}"


def _seconds(planned: Sequence[Planned]) -> float:
    """Return how long builds and rounds take, as a sweep estimates it when it begins."""
    estimate = Estimate([one.cell for one in planned])
    for one in planned:
        if not one.builds:
            estimate.take(Event(kind="program_ready", cell_id=one.cell.cell_id))
        if not (one.builds or one.measures):
            estimate.take(Event(kind="cell_finished", cell_id=one.cell.cell_id))
    return estimate.left_s() or 0.0


def _name(cell: Cell) -> str:
    return cell_words(cell.model.name, cell.precision.name, cell.delegate.name)
