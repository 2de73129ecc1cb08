"""Checks of the output: whether it is that of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from etbench.results.checks.check import Check
from etbench.results.schema import Result
from etbench.stats.lost import LOST_DB
from etbench.stats.parity import OutputParity, Parity
from etbench.text import and_more, shape_text

__all__ = ["PARITY_CHECKS"]

FP32_DB = 40  # fp32 differs from eager in the order of additions only: 95 dB and more in practice
FP32_AGREEMENT = 0.99
LOST_AGREEMENT = 0.5
SHOWN = 4


def _of_parity(find: Callable[[Result, Parity], str | None]) -> Callable[[Result], str | None]:
    """Apply a condition only where there is something to compare with: eager gives one answer."""

    def found(result: Result) -> str | None:
        if result.parity is None or (result.artifact and result.artifact.not_repeatable):
            return None
        return find(result, result.parity)

    return found


def _named(parity: Parity, *, degenerate: bool = False) -> Iterator[tuple[str, OutputParity]]:
    """Yield the outputs whose reference can show something, or those whose reference cannot."""
    several = len(parity.outputs) > 1
    for number, one in enumerate(parity.outputs):
        if one.degenerate == degenerate:
            yield f"output {number}" if several else "the output", one


def _listed(found: list[str]) -> str | None:
    return and_more(found, SHOWN) if found else None


def _not_finite(_: Result, parity: Parity) -> str | None:
    compared = [f"{name}: {one.note}" for name, one in _named(parity) if one.note]
    if compared:
        return _listed(compared)
    differs = parity.note and not parity.degenerate and not parity.outputs
    return parity.note if differs and parity.token_agreement is None else None


def _lost(result: Result, parity: Parity) -> str | None:
    if result.precision_short == "fp32":
        return None
    return _listed([f"{name} {how}" for name, one in _named(parity) if (how := _how_lost(one))])


def _how_lost(one: OutputParity) -> str:
    if one.agreement is not None:
        return f"equals in {one.agreement:.0%} of its elements" if one.agreement < LOST_AGREEMENT else ""
    if one.sqnr_db is not None and one.sqnr_db < LOST_DB:
        return f"has an SQNR of {one.sqnr_db:.1f} dB"
    if one.centred_sqnr_db is not None and one.centred_sqnr_db < LOST_DB:
        return f"has an SQNR of {one.centred_sqnr_db:.1f} dB without its mean"
    return ""


def _group_lost(_: Result, parity: Parity) -> str | None:
    return _listed(
        [
            f"{name}, axis {group.axis}, {_indices(group.first, group.last)}: {group.sqnr_db:.1f} dB"
            for name, one in _named(parity)
            if not _how_lost(one)
            for group in one.lost
        ]
    )


def _indices(first: int, last: int) -> str:
    return f"index {first}" if first == last else f"indices {first} to {last}"


def _fp32_differs(result: Result, parity: Parity) -> str | None:
    if result.precision_short != "fp32":
        return None
    if not parity.outputs:  # of an older version: all outputs together
        low = parity.sqnr_db is not None and not parity.degenerate and parity.sqnr_db < FP32_DB
        return f"SQNR {parity.sqnr_db:.1f} dB" if low else None
    return _listed([f"{name}: {how}" for name, one in _named(parity) if (how := _how_different(one))])


def _how_different(one: OutputParity) -> str:
    if one.agreement is not None:
        return f"{one.agreement:.1%} of its elements are equal" if one.agreement < FP32_AGREEMENT else ""
    return f"SQNR {one.sqnr_db:.1f} dB" if one.sqnr_db is not None and one.sqnr_db < FP32_DB else ""


def _below_wanted(result: Result, parity: Parity) -> str | None:
    mixed = result.artifact.mixed if result.artifact else None
    if (
        mixed is None
        or mixed.wanted_db is None
        or parity.sqnr_db is None
        or parity.sqnr_db >= mixed.wanted_db
    ):
        return None
    before = f", {mixed.sqnr_db:.2f} dB in PyTorch before it was lowered" if mixed.sqnr_db is not None else ""
    return f"SQNR {parity.sqnr_db:.2f} dB, {mixed.wanted_db:g} asked for{before}"


def _degenerate(_: Result, parity: Parity) -> str | None:
    alike = [f"{name}: {one.note}" for name, one in _named(parity, degenerate=True) if one.note]
    if alike or parity.outputs:
        return _listed(alike)
    return parity.note or None if parity.degenerate else None


def _tokens(_: Result, parity: Parity) -> str | None:
    return parity.note or None if parity.token_agreement is not None and not parity.degenerate else None


def _other_size(result: Result) -> str | None:
    """Apply the lines of fp32 to the sizes that are not timed: only fp32 has dynamic axes."""
    found = []
    for one in result.parity_at_other_sizes:
        parts = [how for _, output in _named(one.parity) if (how := _how_different(output))]
        parts += [one.parity.note] if one.parity.note and not one.parity.degenerate else []
        if parts:
            shapes = " ".join(map(shape_text, one.inputs))
            found.append(f"inputs of {shapes}: {parts[0]}")
    return _listed(found)


PARITY_CHECKS = (
    Check(
        "parity.fp32_differs",
        "error",
        "The program in fp32 computes something else than the eager model.",
        _of_parity(_fp32_differs),
        "fp32 should agree to 90 dB and more: look for operators that the delegate computes in another way "
        "(try delegate=portable), or a model that depends on more than its inputs",
    ),
    Check(
        "parity.output_lost",
        "error",
        "In this precision, an output carries no more than noise.",
        _of_parity(_lost),
        "keep the layers before this output in fp32 with precision.keep_fp32, or choose another precision",
    ),
    Check(
        "parity.group_lost",
        "error",
        "A group within an output, such as some channels, carries no more than noise.",
        _of_parity(_group_lost),
        "values of different scale share one output: return them as outputs of their own, or keep the layers "
        "before them in fp32 with precision.keep_fp32",
    ),
    Check(
        "parity.not_finite",
        "error",
        "The program returns NaN, infinite values or other shapes where the eager model does not.",
        _of_parity(_not_finite),
        "look for an overflow, as of large activations in fp16; numerics=true names the layers",
    ),
    Check(
        "parity.other_size",
        "error",
        "A program with dynamic axes differs from the eager model at a size that is not timed.",
        _other_size,
        "lower the bounds of model.dynamic, or leave them out",
    ),
    Check(
        "parity.below_wanted",
        "warning",
        "The program has less than the parity that precision.min_sqnr_db asks for.",
        _of_parity(_below_wanted),
        "the delegate computes a little less accurately than PyTorch: ask for some tenths of a dB more",
    ),
    Check(
        "parity.degenerate",
        "warning",
        "The reference cannot show whether the program is right: it is constant, not finite, or missing.",
        _of_parity(_degenerate),
        "give the model inputs on which its output varies, or trained weights",
    ),
    Check(
        "parity.repeated_token",
        "note",
        "The eager language model repeats one token, so equal tokens prove little.",
        _of_parity(_tokens),
        "use trained weights",
    ),
)
