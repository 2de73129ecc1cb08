"""Parity: how accurate a program's outputs are against the eager fp32 model's on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Parity", "compare_outputs"]

DEGENERATE_STD = 1e-6
DEGENERATE_STD_OF_RMS = 1e-4

Array = NDArray[np.float32]


class Parity(Struct, frozen=True, kw_only=True):
    """Agreement of all outputs together with the reference.

    `sqnr_db` is 10 log10(sum(reference^2) / sum(error^2)) in dB, and null if the outputs are equal to the
    last bit (`exact`) or cannot be compared. `top1_agreement` is the share of positions where the largest
    logit is the same class. `note` explains what makes the figures meaningless: a constant reference or none
    at all, values that are not finite, another number of outputs. `token_agreement` is for language models:
    the share of tokens that equal those of the eager model when the program continues with its own tokens;
    the other figures compare its logits along the eager model's tokens.
    """

    sqnr_db: float | None
    cosine: float | None
    max_abs: float | None
    top1_agreement: float | None
    exact: bool
    reference_std: float | None
    degenerate: bool
    note: str = ""
    token_agreement: float | None = None


def compare_outputs(
    reference: Sequence[Array], outputs: Sequence[Array], *, logits_axis: int | None = None
) -> Parity:
    """Compare the outputs of a program with the reference.

    Args:
        reference: outputs of the eager fp32 model; empty if there are none to compare with.
        outputs: outputs of the program, of the same shapes.
        logits_axis: the axis of the first output along which classes compete, if there is one.

    """
    if not reference:
        words = filter(None, ("there is no reference to compare with", _not_finite(outputs)))
        return _nothing(None, "; ".join(words), degenerate=True)
    shapes = [array.shape for array in reference], [array.shape for array in outputs]
    flat = np.concatenate([array.ravel() for array in reference]).astype(np.float64)
    spread = float(flat.std()) if np.isfinite(flat).all() else None
    if shapes[0] != shapes[1]:
        return _nothing(spread, f"the program's outputs have shapes {shapes[1]}, the reference {shapes[0]}")
    if spread is None:
        return _nothing(spread, "the eager model's own output is not finite", degenerate=True)
    got = np.concatenate([array.ravel() for array in outputs]).astype(np.float64)
    if not np.isfinite(got).all():
        return _nothing(spread, _not_finite(outputs))
    error = got - flat
    noise, signal = float(error @ error), float(flat @ flat)
    norms = float(np.linalg.norm(flat) * np.linalg.norm(got))
    rms = float(np.sqrt(signal / flat.size)) if flat.size else 0.0
    degenerate = spread < max(DEGENERATE_STD, DEGENERATE_STD_OF_RMS * rms)
    return Parity(
        sqnr_db=float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else None,
        cosine=float(np.clip(flat @ got / norms, -1, 1)) if norms > 0 else None,
        max_abs=float(np.abs(error).max()) if error.size else 0.0,
        top1_agreement=_top1(reference[0], outputs[0], logits_axis),
        exact=noise == 0,
        reference_std=spread,
        degenerate=degenerate,
        note="the reference output is (nearly) constant: parity means nothing here" if degenerate else "",
    )


def _not_finite(outputs: Sequence[Array]) -> str:
    """Return how many values are NaN or infinite as a text, which is empty if there are none."""
    size, count = sum(array.size for array in outputs), sum(int((~np.isfinite(a)).sum()) for a in outputs)
    return f"{count} of {size} output values are NaN or infinite" if count else ""


def _top1(reference: Array, output: Array, axis: int | None) -> float | None:
    if axis is None:
        return None
    return float((reference.argmax(axis) == output.argmax(axis)).mean())


def _nothing(spread: float | None, note: str, *, degenerate: bool = False) -> Parity:
    return Parity(
        sqnr_db=None,
        cosine=None,
        max_abs=None,
        top1_agreement=None,
        exact=False,
        reference_std=spread,
        degenerate=degenerate,
        note=note,
    )
