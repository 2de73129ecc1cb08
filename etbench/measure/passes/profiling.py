"""The profile pass: where the time of an inference goes, operator by operator, by the runtime's profiler."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from etbench.artifact.arrays import read_generation
from etbench.errors import EtbenchError
from etbench.measure.pass_results import PROFILED_LEAST, PROFILED_MOST, PROFILED_S, Operator, Profile
from etbench.measure.passes.work import timed_ms, work_of
from etbench.runtime.executors import OperatorTime, OtherProgram, executor_class
from etbench.runtime.program import load_method, load_program, read_batches

__all__ = ["preload", "profile_program", "read_profile"]


QUICK_MOST, QUICK_S = 20, 0.5  # in one of many rounds
QUICK_WARMUP = 3
PORTABLE_CALL, DELEGATE_CALL, EXECUTE = "native_call_", "DELEGATE_CALL", "Method::execute"


def preload() -> None:
    """Import what reads a profile, so that processes that are forked afterwards need not."""
    from executorch.devtools import Inspector  # noqa: F401


def profile_program(
    folder: Path, threads: int, executor: str | None = None, *, quick: bool = False
) -> Profile:
    """Run the program with the runtime's profiler on and return the time of each operator.

    The first inference, for a language model the prompt, is left out. Reading what the profiler wrote takes
    some seconds, since that imports the exporter. In a `quick` round, the times are means over the faster
    half of its inferences, after three more that warm it up: an interruption of one inference would else be
    the time of the operator that it hit.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses the program, ``profile`` if it has
            no profiler, or that wrote nothing.

    """
    if executor and (reason := executor_class(executor).no_profile):
        raise EtbenchError(reason, stage="profile")
    inputs, generation = read_batches(folder, executor)[0][0], read_generation(folder)
    program = load_program(folder, threads, executor, profiled=True)
    method = load_method(program)
    work = work_of(method, inputs, generation)
    work.begin()
    most, wanted_s, warmup = (QUICK_MOST, QUICK_S, QUICK_WARMUP) if quick else (PROFILED_MOST, PROFILED_S, 0)
    least, begun, took_ms = warmup + PROFILED_LEAST, time.monotonic(), list[float]()
    while len(took_ms) < least or (len(took_ms) < warmup + most and time.monotonic() - begun < wanted_s):
        took_ms.append(timed_ms(work.step))
    if isinstance(program, OtherProgram):
        return _profile_of(program.operator_times(), took_ms)
    return _etdump_of(program, warmup=1 + warmup, faster_half=quick)


def _profile_of(times: Iterable[OperatorTime], took_ms: Sequence[float]) -> Profile:
    """Return the profile of another runtime, from what it reports and the times of the calls."""
    execute_ms = mean(took_ms)
    operators = [
        Operator(name=name, kind="runtime", instruction=number, mean_ms=ms, share=ms / execute_ms)
        for number, (name, ms) in enumerate(times)
    ]
    return Profile(
        execute_ms=execute_ms,
        elsewhere_ms=execute_ms - sum(one.mean_ms for one in operators),
        inferences=len(took_ms),
        operators=operators,
    )


def _etdump_of(program: Any, *, warmup: int, faster_half: bool) -> Profile:
    handle, name = tempfile.mkstemp(suffix=".etdump")
    os.close(handle)
    try:
        program.write_etdump_result_to_file(name)
        return read_profile(Path(name), warmup=warmup, faster_half=faster_half)
    finally:
        Path(name).unlink()


def read_profile(etdump: Path, *, warmup: int = 1, faster_half: bool = False) -> Profile:
    """Return the time of each operator from what the profiler wrote, without those of the warmup.

    Args:
        etdump: the file.
        warmup: inferences at its beginning that are left out.
        faster_half: whether the slower half of the others is left out as well.

    Raises:
        EtbenchError: of stage ``profile`` if it wrote nothing.

    """
    from executorch.devtools import Inspector  # imports the exporter: some seconds

    if not etdump.stat().st_size:
        raise EtbenchError("this runtime was built without ETDump: it wrote no profile", stage="profile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is no debug buffer, and none is needed
        blocks = Inspector(etdump_path=str(etdump)).event_blocks
    events = next(block.events for block in blocks if block.name == "Execute")
    execute = next(event for event in events if event.name == EXECUTE)
    kept = list(range(warmup, len(execute.perf_data.raw)))
    if faster_half:
        kept = sorted(sorted(kept, key=execute.perf_data.raw.__getitem__)[: (len(kept) + 1) // 2])
    execute_ms = _mean_ms(execute, kept)
    operators = list(_operators(events, execute_ms, kept))
    return Profile(
        execute_ms=execute_ms,
        elsewhere_ms=execute_ms - sum(operator.mean_ms for operator in operators),
        inferences=len(kept),
        operators=operators,
    )


def _operators(events: Iterable[Any], execute_ms: float, kept: Sequence[int]) -> Iterable[Operator]:
    """Turn events into operators; those inside a delegate come before the call into it."""
    inside_ms = 0.0
    for event in events:
        name, took_ms = event.name, _mean_ms(event, kept)
        if event.is_delegated_op:
            kind, inside_ms = "delegated", inside_ms + took_ms
        elif name == DELEGATE_CALL:
            kind, name = "delegate", "call of the delegate"
            took_ms, inside_ms = round(took_ms - inside_ms, 6), 0.0
        elif name.startswith(PORTABLE_CALL):
            kind, name = "portable", name.removeprefix(PORTABLE_CALL)
        else:
            continue  # OPERATOR_CALL is the kernel again, including the time to call it
        yield Operator(
            name=name,
            kind=kind,
            instruction=event._instruction_id,
            mean_ms=took_ms,
            share=took_ms / execute_ms if execute_ms else None,
        )


def _mean_ms(event: Any, kept: Sequence[int]) -> float:
    raw = event.perf_data.raw
    ran = [raw[number] for number in kept if number < len(raw)]  # an operator in a branch may run less often
    return round(float(mean(ran or raw)), 6)  # the clock counts nanoseconds
