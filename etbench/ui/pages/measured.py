"""What was measured of a cell besides the latency of its rounds, in names and values."""

from __future__ import annotations

from collections.abc import Iterator

from etbench.measure.pass_results import Energy, LoadTimes
from etbench.results.schema import Result
from etbench.results.tables.evaluation import HIGH, LOW, RANDOM, accuracy_text, evaluated, is_accuracy

__all__ = ["measured_facts"]


def measured_facts(result: Result) -> Iterator[tuple[str, str]]:
    """Yield names and values; what was not measured is left out, or has the reason if there is one."""
    yield from _accuracy(result)
    yield from _verdict(result)
    if result.throughput_per_s is not None:
        yield "throughput", f"{result.throughput_per_s:.4g} items per second"
    if result.generated is not None:
        yield "first token", f"{result.generated.time_to_first_token_ms:.4g} ms"
        yield "prefill", f"{result.generated.prefill_tokens_per_s:.4g} tokens per second"
        yield "decode", f"{result.generated.decode_tokens_per_s:.4g} tokens per second"
    yield from _loading(result)
    if result.memory is not None:
        yield "peak memory", f"{_mb(result.memory.peak_over_baseline_bytes)} above the level before loading"
        yield "whole process", _mb(result.memory.peak_bytes)
        if result.memory.private_dirty_bytes is not None:
            yield "private memory", _mb(result.memory.private_dirty_bytes)
    if result.energy is not None:
        yield from _energy(result.energy)


def _accuracy(result: Result) -> Iterator[tuple[str, str]]:
    figures = evaluated(result.evaluation, result.evaluation_items)
    for name in filter(is_accuracy, figures):
        value, low, high = (figures.get(f"{name}{end}") for end in ("", LOW, HIGH))
        if value is None:
            continue
        text = accuracy_text(value, is_share=low is not None)
        if low is not None and high is not None:
            bounds = (accuracy_text(end, is_share=True) for end in (low, high))
            text = f"{text}, 95 % {' to '.join(bounds)}"
        yield name, f"{text} (random weights: it means nothing)" if result.weights == RANDOM else text


def _verdict(result: Result) -> Iterator[tuple[str, str]]:
    if result.in_turn is None:
        return
    cell = result.in_turn.comparison
    bounds = "" if cell.low is None else f", 95 % {cell.interval}"
    yield "against baseline", f"{cell.words}: {cell.ratio:.3f} times as long{bounds}, interleaved"
    yield "baseline", f"{result.in_turn.base_file} ({cell.base_ms:.4g} ms; {result.in_turn.base_program})"


def _loading(result: Result) -> Iterator[tuple[str, str]]:
    if result.load is None:
        if result.load_ms is not None:
            yield "load", f"{result.load_ms:.4g} ms in the rounds"
        if result.first_inference_ms is not None:
            yield "first inference", f"{result.first_inference_ms:.4g} ms in the rounds"
        return
    yield "load, file in memory", _times(result.load.warm)
    if result.load.cold is not None:
        yield "load, from disk", _times(result.load.cold)
    elif result.load.cold_reason:
        yield "load, from disk", f"not measured: {result.load.cold_reason}"


def _times(times: LoadTimes) -> str:
    parts = (
        f"program {times.program_ms:.3g} ms",
        f"method {times.method_ms:.3g} ms",
        f"first inference {times.first_inference_ms:.3g} ms",
    )
    whole = times.start_to_first_ms
    return ", ".join([*parts, *([] if whole is None else [f"start to first result {whole:.3g} ms"])])


def _energy(energy: Energy) -> Iterator[tuple[str, str]]:
    if energy.joules_per_inference is None:
        yield "energy", f"not measured: {energy.reason}"
        return
    yield "energy above idle", f"{energy.joules_per_inference:.3g} J per inference"
    if energy.idle_watts is not None and energy.busy_watts is not None:
        yield "power", f"{energy.busy_watts:.3g} W, {energy.idle_watts:.3g} W when idle"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
