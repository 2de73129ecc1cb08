"""Checks of what executed the program, and with how many threads."""

from __future__ import annotations

from etbench.results.checks.check import Check
from etbench.results.schema import Result
from etbench.text import counted

__all__ = ["RUNTIME_CHECKS"]

LEAST_MS = 1.0  # of an inference that several threads would make faster


def _more_threads(result: Result) -> str | None:
    asked, busy = result.environment.threads, result.environment.busy_threads
    if asked is None or busy is None or busy <= asked:
        return None
    return f"{counted(busy, 'thread')} computed, {asked} had been asked for"


def _fewer_threads(result: Result) -> str | None:
    asked, busy = result.environment.threads, result.environment.busy_threads
    latency = result.latency_ms.location if result.latency_ms else None
    if asked is None or busy is None or busy >= asked or (latency or 0) < LEAST_MS:
        return None
    return f"{busy} of {counted(asked, 'thread')} computed; the others took less than a fifth of its time"


def _own_quantization(result: Result) -> str | None:
    artifact = result.artifact
    if artifact is None or artifact.quantization != "own":
        return None
    return (
        f"{result.environment.runtime or result.delegate} quantized the model itself: {artifact.own_reason}"
    )


def _no_profile(result: Result) -> str | None:
    return result.no_profile or None


RUNTIME_CHECKS = (
    Check(
        "threads.more",
        "error",
        "More threads computed than were asked for, so its times are not comparable with those of others.",
        _more_threads,
        "set threads to this number for all cells, or find out what starts the other threads",
    ),
    Check(
        "threads.fewer",
        "note",
        "Fewer threads computed than were asked for.",
        _fewer_threads,
        "nothing is wrong if the model's operators are small or have no parallel kernels; threads=1 shows it",
    ),
    Check(
        "precision.own_quantization",
        "note",
        "The runtime chose the scales of int8 itself, on the same calibration data, so its accuracy and its "
        "time are those of another quantization than in cells of other delegates.",
        _own_quantization,
        "delegate.quantization=same asks for the scales of the precision",
    ),
    Check(
        "profile.not_available",
        "note",
        "The times of the operators were asked for, and this runtime does not report them.",
        _no_profile,
    ),
)
