"""Profile the programs of two results, interleaved, if both are in the cache or kept beside a result."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etbench.artifact import GraphOperator, is_code, program_path, references_path
from etbench.builder.cache import Cache, cache_folder, recipe_key
from etbench.config import Evaluate, Measure, Repeat, parse
from etbench.devices.host import turn_of
from etbench.engine.baseline import Baseline
from etbench.errors import EtbenchError
from etbench.events import Event, OnEvent
from etbench.host.environment import read_environment
from etbench.host.fingerprint import machine_name
from etbench.measure.profile_rounds import ProfileRequest, Profiles
from etbench.measure.protocol import MeasureRequest, Subject
from etbench.results.diff.difference import Difference, difference_of
from etbench.results.diff.profiled import Profiled, from_blocks, stored
from etbench.results.schema import Result
from etbench.system.files import copy_regular, link_or_copy, sha256
from etbench.system.process import worker
from etbench.system.workspace import workspace

__all__ = ["BLOCKS", "MAX_SECONDS", "Found", "Side", "difference_between", "measure_sides", "sides_at_hand"]

Found = tuple[Path, Result]  # a result and its file
STORED = "operators' times: from the profiles in the results, which were not interleaved"

STAGE = "diff"
BLOCKS, MAX_SECONDS = 15, 120.0
SILENCE_S = 120.0
MODULE = "etbench.measure.worker.profiles"


@dataclass(frozen=True)
class Side:
    """One of the two programs: its result, the folder of its files, and the operators of its graph."""

    result: Result
    folder: Path
    operators: list[GraphOperator]


def difference_between(
    a: Found,
    b: Found,
    *,
    measure: bool | None = None,
    blocks: int = BLOCKS,
    max_seconds: float = MAX_SECONDS,
    say: Callable[[str], None],
) -> Difference:
    """Return where the difference between the latencies of two results lies.

    Args:
        a: the first result and its file.
        b: the second one.
        measure: True to profile both programs now, also those kept beside their results, which are run; None
            if both are in the cache, else from the profiles in the results; False only from these.
        blocks: how many are measured.
        max_seconds: no block begins after this time, but the first three.
        say: receives lines about the progress.

    Raises:
        EtbenchError: of stage ``diff`` if they are not at hand, or what the measuring process reported.

    """
    notes = []
    if measure is not False:
        try:
            profiles = _measured((a, b), kept=bool(measure), blocks=blocks, max_seconds=max_seconds, say=say)
        except EtbenchError as error:
            if measure or error.stage != STAGE:
                raise
            notes.append(f"not measured now: {error.message}")
        else:
            how = f"operators' times: measured now, interleaved in {len(profiles[0].latency_ms)} blocks"
            return difference_of(a[1], b[1], profiles, how=how)
    both = stored(a[1]), stored(b[1])
    without = [_name(one) for (_, one), profile in zip((a, b), both, strict=True) if profile is None]
    if both[0] is None or both[1] is None:
        reason = f"; {notes[0]}" if notes else ""
        raise EtbenchError(
            f"{' and '.join(without)}: no profile in the result{reason}; measure it with profile=true, or "
            "with keep_pte=true or the cache, so that its program can be profiled here",
            stage=STAGE,
        )
    return difference_of(a[1], b[1], (both[0], both[1]), how=STORED, notes=notes)


def _measured(
    found: tuple[Found, Found], *, kept: bool, blocks: int, max_seconds: float, say: Callable[[str], None]
) -> tuple[Profiled, Profiled]:
    def said(event: Event) -> None:
        if event.kind == "round":
            say(f"block {event.done} of {event.of}")

    with workspace(None) as scratch:
        return measure_sides(
            sides_at_hand(found, Cache(cache_folder(None), 0, None), scratch, kept=kept),
            blocks=blocks,
            max_seconds=max_seconds,
            scratch=scratch,
            log=scratch / "log",
            on_event=said,
            on_wait=say,
        )


def sides_at_hand(
    found: tuple[Found, Found], cache: Cache, scratch: Path, *, kept: bool
) -> tuple[Side, Side]:
    """Return both programs, with their reference inputs.

    A program that is only kept beside its result gets the inputs of the other, if they have the same shapes.

    Args:
        found: the results and their files.
        cache: of built programs.
        scratch: an existing, empty folder.
        kept: whether a program beside a result is used, which may have been received with it: it is run.

    Raises:
        EtbenchError: of stage ``diff`` if one of them is not at hand, with the reason.

    """
    sides: list[Side | None] = []
    for number, (path, result) in enumerate(found):
        folder = scratch / str(number)
        folder.mkdir()
        _check(result)
        side = _cached(result, cache, folder)
        sides.append(_kept(path, result, folder) if side is None and kept else side)
    for number, (one, other) in enumerate((sides, sides[::-1])):
        result = found[number][1]
        if one is not None and references_path(one.folder).exists():
            continue
        _lend(one, other, result)
    first, second = sides
    assert first is not None and second is not None
    return first, second


def measure_sides(
    sides: tuple[Side, Side],
    *,
    blocks: int = BLOCKS,
    max_seconds: float = MAX_SECONDS,
    scratch: Path,
    log: Path,
    on_event: OnEvent,
    on_wait: Callable[[str], None],
) -> tuple[Profiled, Profiled]:
    """Profile two interleaved programs on this machine, and return what each block shows of both.

    Each block has a round of each with the runtime's profiler and one without, in random order.

    Args:
        sides: from `sides_at_hand`.
        blocks: how many.
        max_seconds: no block begins after this time, but the first three.
        scratch: an existing folder for temporary files.
        log: the file for what the processes print.
        on_event: receives the progress.
        on_wait: receives a line if another etbench is measuring.

    Raises:
        EtbenchError: what the measuring process reported.

    """
    how = Measure()
    # Not used: the size of a round is that of `etbench.measure.worker.profiles`.
    repeat = Repeat(runs=1, warmup=1, rounds=1, rounds_s=1.0, max_seconds=1.0)
    request = ProfileRequest(
        measure=MeasureRequest(
            subjects=[_subject(side, repeat, log) for side in sides],
            seed=secrets.randbits(32),
            block_max_s=how.block_max_s,
            timeout_s=how.timeout_s,
        ),
        blocks=blocks,
        max_seconds=max_seconds,
    )
    with turn_of("host", "this machine", on_wait), worker(MODULE, scratch=scratch, log=log) as process:
        measured = process.ask(request, Profiles, log=log, on_event=on_event, silence_s=SILENCE_S)
    first, second = (
        from_blocks(
            [block.rounds[number].samples_ms for block in measured.blocks],
            [block.profiles[number] for block in measured.blocks],
            side.operators,
        )
        for number, side in enumerate(sides)
    )
    return first, second


def _check(result: Result) -> None:
    """Refuse a program that this machine cannot profile in the way in which it was measured."""
    here = machine_name(read_environment(threads=None))
    there = machine_name(result.environment)
    if there != here:
        raise EtbenchError(f"{_name(result)} was measured on {there}, and this is {here}", stage=STAGE)
    if result.artifact is None:
        raise EtbenchError(f"{_name(result)} has no program", stage=STAGE)


def _cached(result: Result, cache: Cache, folder: Path) -> Side | None:
    """Take the program of a result from the cache; None if it has none with these bytes."""
    assert result.artifact is not None
    try:
        key = recipe_key(parse(result.config).recipe)
    except (EtbenchError, OSError):  # written by another version, or a file of the recipe is gone
        return None
    artifact = cache.take(key, folder, on_lost=lambda _: None) if key else None
    if artifact is None or artifact.sha256 != result.artifact.sha256:
        for path in (program_path(folder), references_path(folder)):
            path.unlink(missing_ok=True)
        return None
    return _executorch(Side(result, folder, artifact.operators))


def _kept(path: Path, result: Result, folder: Path) -> Side | None:
    """Copy the program that is kept beside a result; None if there is none with its checksum."""
    kept = path.parent / Path(result.pte_file).name if result.pte_file else None
    assert result.artifact is not None
    if kept is None or not kept.is_file() or sha256(kept) != result.artifact.sha256:
        return None
    copy_regular(kept, program_path(folder))
    return _executorch(Side(result, folder, []))


def _executorch(side: Side) -> Side:
    delegate = side.result.config.get("delegate") or {}
    if delegate.get("executor") or is_code(program_path(side.folder)):
        raise EtbenchError(f"{_name(side.result)} is not a program of ExecuTorch", stage=STAGE)
    return side


def _lend(side: Side | None, other: Side | None, result: Result) -> None:
    """Give a kept program the inputs of the other one."""
    if side is None:
        raise EtbenchError(
            f"the program of {_name(result)} is not in the cache; --measure also uses one that is kept "
            "beside a result (keep_pte=true)",
            stage=STAGE,
        )
    fits = (
        other is not None
        and references_path(other.folder).exists()
        and other.result.artifact is not None
        and side.result.artifact is not None
        and other.result.artifact.inputs == side.result.artifact.inputs
    )
    if not fits:
        raise EtbenchError(f"the inputs of {_name(result)} are not in the cache", stage=STAGE)
    assert other is not None
    link_or_copy(references_path(other.folder), references_path(side.folder))


def _subject(side: Side, repeat: Repeat, log: Path) -> Subject:
    how = Baseline(Path(), side.result).settings
    return Subject(
        folder=str(side.folder),
        repeat=repeat,
        threads=how.threads or side.result.environment.threads,
        logits_axis=None,
        log=str(log.absolute()),
        runtime=how.runtime,
        evaluate=Evaluate(),
    )


def _name(result: Result) -> str:
    return f"{result.model_name}_{result.precision_short}_{result.delegate}"
