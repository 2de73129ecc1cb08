"""A result as a trace of Chrome's format, which Perfetto opens: its rounds, its load, and its operators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from etbench.measure.pass_results import Operator
from etbench.results.schema import Result
from etbench.results.schema.names import cell_words
from etbench.text import shape_text

__all__ = ["chrome_trace"]

Event = dict[str, Any]
ROUNDS, LOAD, OPERATORS = 1, 2, 3  # processes of the trace
TITLES = {
    ROUNDS: "rounds, from the first",
    LOAD: "load of one process",
    OPERATORS: "one inference with the profiler on (means)",
}


def chrome_trace(result: Result) -> dict[str, Any]:
    """Return the trace of a result.

    Only what was measured has a length. The time of a round's warmup is not known, so its samples follow its
    first inference; an operator begins when the one before it ends.
    """
    events = [*_rounds(result), *_load(result), *_operators(result)]
    used = {event["pid"] for event in events}
    named = [_name("process_name", process, 0, TITLES[process]) for process in sorted(used)]
    return {
        "traceEvents": [*named, *events],
        "displayTimeUnit": "ms",
        "otherData": {
            "cell": cell_words(result.model_name, result.precision_short, result.delegate),
            "cell_id": result.cell_id,
            "created_at": result.created_at,
        },
    }


def _rounds(result: Result) -> Iterator[Event]:
    """Yield each round with its parts, and what else the machine did meanwhile as counters."""
    if len(result.round_facts) != len(result.rounds):  # a result of an older version, or imported
        return
    for number, (samples, facts) in enumerate(zip(result.rounds, result.round_facts, strict=True)):
        begun_ms = 1e3 * facts.started_s
        lengths = [facts.load_ms, facts.first_inference_ms]
        lengths += [sample * facts.inferences_per_sample for sample in samples]
        names = ["load", "first inference", *(f"sample {place}" for place in range(len(samples)))]
        about = {"block": facts.block, "warmup inferences": facts.warmup}
        yield _span(f"round {number}", ROUNDS, 1, begun_ms, sum(lengths), about)
        yield from _in_a_row(names, lengths, ROUNDS, 1, begun_ms)
        shares = {"other processes": facts.load.other_cpu_share, "steal": facts.load.steal_share}
        for name, share in shares.items():
            if share is not None:
                yield {
                    "name": f"CPU share of {name}",
                    "ph": "C",
                    "pid": ROUNDS,
                    "ts": 1e3 * begun_ms,
                    "args": {"share": share},
                }


def _load(result: Result) -> Iterator[Event]:
    """Yield the parts of a load from memory and, if it was measured, from disk."""
    passes = {"warm": result.load.warm, "cold": result.load.cold} if result.load else {}
    for thread, (name, times) in enumerate(passes.items(), 1):
        if times is not None:
            yield _name("thread_name", LOAD, thread, name)
            lengths = [times.program_ms, times.method_ms, times.first_inference_ms]
            yield from _in_a_row(["program", "method", "first inference"], lengths, LOAD, thread, 0.0)


def _operators(result: Result) -> Iterator[Event]:
    """Yield an inference, and in it each call of a delegate with its operators."""
    profile = result.profile
    if profile is None:
        return
    yield _span("Method::execute", OPERATORS, 1, 0.0, profile.execute_ms, {})
    begins = accumulate((one.mean_ms for one in profile.operators), initial=0.0)
    spans = [(begin, one) for begin, one in zip(begins, profile.operators, strict=False)]
    for instruction in dict.fromkeys(one.instruction for _, one in spans if one.kind != "portable"):
        inside = [(at, one) for at, one in spans if one.instruction == instruction and one.kind != "portable"]
        length = sum(one.mean_ms for _, one in inside)
        yield _span("call of the delegate", OPERATORS, 1, inside[0][0], length, {"instruction": instruction})
    for begin, one in spans:
        if one.kind != "delegate":
            yield _span(one.name, OPERATORS, 1, begin, one.mean_ms, _about(one))


def _about(operator: Operator) -> Event:
    known = {
        "kind": operator.kind,
        "graph": operator.graph_name,
        "module": operator.module,
        "output": shape_text(operator.shape) if operator.shape else "",
        "flops": operator.flops,
    }
    return {name: value for name, value in known.items() if value not in ("", None)}


def _in_a_row(
    names: list[str], lengths_ms: list[float], process: int, thread: int, begun_ms: float
) -> Iterator[Event]:
    begins = accumulate(lengths_ms, initial=begun_ms)
    for name, begin, length in zip(names, begins, lengths_ms, strict=False):
        yield _span(name, process, thread, begin, length, {})


def _span(
    name: str, process: int, thread: int, begin_ms: float, length_ms: float, about: dict[str, Any]
) -> Event:
    """Return a complete event; the format counts in microseconds."""
    return {
        "name": name,
        "ph": "X",
        "pid": process,
        "tid": thread,
        "ts": 1e3 * begin_ms,
        "dur": 1e3 * length_ms,
        "args": about,
    }


def _name(what: str, process: int, thread: int, name: str) -> Event:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
