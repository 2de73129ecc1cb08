"""Checks of what was built, and on which data."""

from __future__ import annotations

from etbench.results.checks.check import Check
from etbench.results.schema import Result

__all__ = ["PROGRAM_CHECKS"]


def _random(result: Result) -> str | None:
    return "random weights" if result.weights == "random" else None


def _two_answers(result: Result) -> str | None:
    return (result.artifact.not_repeatable or None) if result.artifact else None


PROGRAM_CHECKS = (
    Check(
        "model.not_repeatable",
        "error",
        "The eager model gives two answers for one input, so no program can agree with it.",
        _two_answers,
        "call eval() on it and look for dropout or random operators in its forward",
    ),
    Check(
        "weights.random",
        "note",
        "The weights are random: latency and size are valid, accuracy is not, and SQNR applies to these "
        "weights only.",
        _random,
        "give trained weights: model.weights=pretrained, or a path",
    ),
)
