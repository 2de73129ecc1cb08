"""Results of an emulated machine: its outputs are those of the real instructions, its times are not."""

from __future__ import annotations

import msgspec

from etbench.results.schema.result import CellComparison, Result

__all__ = ["emulated_words", "without_emulated_times", "without_emulated_verdict"]


def emulated_words(result: Result) -> str | None:
    """Return what emulated the machine of a result as a reason, or None if it was a real one."""
    name = result.environment.emulator
    return f"measured under {name}: its times and memory are those of an emulator" if name else None


def without_emulated_times(result: Result) -> Result:
    """Return a result for tables and verdicts: without its times and memory if they are an emulator's."""
    if not result.environment.emulator:
        return result
    return msgspec.structs.replace(
        result,
        latency_ms=None,
        rounds=[],
        round_facts=[],
        turn_id=None,
        stability=None,
        in_turn=None,
        throughput_per_s=None,
        load_ms=None,
        first_inference_ms=None,
        load=None,
        memory=None,
        latency_at_other_sizes=[],
    )


def without_emulated_verdict(result: Result, cell: CellComparison) -> CellComparison:
    """Return the comparison of a result without interval and verdict if its times are an emulator's."""
    words = emulated_words(result)
    if words is None:
        return cell
    return msgspec.structs.replace(
        cell,
        low=None,
        high=None,
        verdict="none",
        regression=False,
        decision="undecided",
        alarm_low=None,
        advice=f"{words}, so there is no verdict; measure on a real machine",
    )
