"""The profile pass: where the time of an inference goes, operator by operator, from ETDump."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import Any

from etbench.artifact.references import read_generation, read_references
from etbench.errors import EtbenchError
from etbench.measure.pass_results import PROFILED_LEAST, PROFILED_MOST, PROFILED_S, Operator, Profile
from etbench.measure.passes.work import work_of
from etbench.runtime.program import load_method, load_program

__all__ = ["profile_program", "read_profile"]

PORTABLE_CALL, DELEGATE_CALL, EXECUTE = "native_call_", "DELEGATE_CALL", "Method::execute"


def profile_program(folder: Path, threads: int) -> Profile:
    """Run the program with the runtime's profiler on and return the time of each operator.

    The first inference, for a language model the prompt, is left out. Reading what the profiler wrote takes
    some seconds, since that imports the exporter.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses the program, ``profile`` if it wrote
            nothing.

    """
    inputs, generation = read_references(folder)[0][0], read_generation(folder)
    program = load_program(folder, threads, profiled=True)
    method = load_method(program)
    work = work_of(method, inputs, generation)
    work.begin()
    begun, taken = time.monotonic(), 0
    while taken < PROFILED_LEAST or (taken < PROFILED_MOST and time.monotonic() - begun < PROFILED_S):
        work.step()
        taken += 1
    handle, name = tempfile.mkstemp(suffix=".etdump")
    os.close(handle)
    try:
        program.write_etdump_result_to_file(name)
        return read_profile(Path(name))
    finally:
        Path(name).unlink()


def read_profile(etdump: Path, *, warmup: int = 1) -> Profile:
    """Return the time of each operator from what the profiler wrote, without those of the warmup.

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
    execute_ms = _mean_ms(execute, warmup)
    operators = list(_operators(events, execute_ms, warmup))
    return Profile(
        execute_ms=execute_ms,
        elsewhere_ms=execute_ms - sum(operator.mean_ms for operator in operators),
        inferences=len(execute.perf_data.raw) - warmup,
        operators=operators,
    )


def _operators(events: Iterable[Any], execute_ms: float, warmup: int) -> Iterable[Operator]:
    """Turn events into operators; those inside a delegate come before the call into it."""
    inside_ms = 0.0
    for event in events:
        name, took_ms = event.name, _mean_ms(event, warmup)
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


def _mean_ms(event: Any, warmup: int) -> float:
    return round(float(mean(event.perf_data.raw[warmup:])), 6)  # the clock counts nanoseconds
