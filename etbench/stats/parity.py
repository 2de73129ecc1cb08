"""Parity: how accurate a program's outputs are against the eager fp32 model's on the same inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.bounds import Count, Share
from etbench.stats.lost import Lost, lost_groups

__all__ = ["OutputParity", "Parity", "compare_outputs"]

DEGENERATE_STD = 1e-6
DEGENERATE_STD_OF_RMS = 1e-4
CONSTANT = "the reference output is (nearly) constant: parity means nothing here"

Array = NDArray[Any]


class OutputParity(Struct, frozen=True, kw_only=True):
    """Agreement of one output with the reference.

    `sqnr_db` is 10 log10(sum(reference^2) / sum(error^2)) in dB, and `centred_sqnr_db` the same of the
    reference without its mean, so that a large constant does not hide an error. Both are null if the output
    is `exact` (equal to the last bit) or cannot be compared. `agreement` is the share of equal elements of an
    integer or boolean output, which has no SQNR. `lost` names groups within the output, such as channels,
    whose error is as large as their signal. Infinite elements are compared by position and left out of the
    other figures. `note` explains what makes the figures meaningless.
    """

    shape: list[Count]
    dtype: str
    sqnr_db: float | None = None
    centred_sqnr_db: float | None = None
    cosine: float | None = None
    max_abs: float | None = None
    agreement: Share | None = None
    exact: bool = False
    reference_std: float | None = None
    degenerate: bool = False
    lost: list[Lost] = []
    note: str = ""

    @property
    def rank(self) -> float:
        """Sorts outputs from the worst to the best; an exact one is above every number.

        One whose reference is constant is too, so that it does not hide another one.
        """
        if self.exact or self.degenerate:
            return math.inf
        if self.sqnr_db is not None:
            return self.sqnr_db
        if self.agreement is not None:  # the share of errors as if it were the power of a noise
            return -10 * math.log10(1 - self.agreement) if self.agreement < 1 else math.inf
        return -math.inf


class Parity(Struct, frozen=True, kw_only=True):
    """Agreement of the outputs with the reference; the figures are those of the worst of `outputs`.

    `worst` is its number; see `OutputParity` for its figures. `exact` is true if all outputs are equal to the
    last bit. `top1_agreement` is the share of positions where the largest logit is the same class. `note`
    explains what makes the figures meaningless: a constant reference or none at all, values that are not
    finite, other shapes. `token_agreement` is for language models: the share of tokens that equal those of
    the eager model when the program continues with its own tokens; the other figures compare its logits along
    the eager model's tokens. Results of older versions have no `outputs`: their figures are of all outputs
    together.
    """

    sqnr_db: float | None
    cosine: float | None
    max_abs: float | None
    top1_agreement: Share | None
    exact: bool
    reference_std: float | None
    degenerate: bool
    note: str = ""
    token_agreement: Share | None = None
    agreement: Share | None = None
    worst: Count | None = None
    outputs: list[OutputParity] = []

    @property
    def fidelity_db(self) -> float | None:
        """The SQNR in dB; infinite if the outputs are equal to the last bit, None if it is not known."""
        return math.inf if self.exact else self.sqnr_db


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
        return _nothing("; ".join(words), degenerate=True)
    shapes = [list(array.shape) for array in reference], [list(array.shape) for array in outputs]
    if shapes[0] != shapes[1]:
        return _nothing(f"the program's outputs have shapes {shapes[1]}, the reference {shapes[0]}")
    each = [_compare(wanted, got) for wanted, got in zip(reference, outputs, strict=True)]
    number = min(range(len(each)), key=lambda number: each[number].rank)
    worst = each[number]
    return Parity(
        sqnr_db=worst.sqnr_db,
        cosine=worst.cosine,
        max_abs=worst.max_abs,
        top1_agreement=_top1(reference[0], outputs[0], logits_axis),
        exact=all(one.exact for one in each),
        reference_std=worst.reference_std,
        degenerate=all(one.degenerate for one in each),
        note=worst.note,
        agreement=min((one.agreement for one in each if one.agreement is not None), default=None),
        worst=number,
        outputs=each,
    )


def _compare(wanted: Array, got: Array) -> OutputParity:
    """Compare one output; other dtypes are compared by value."""
    common: dict[str, Any] = {"shape": list(wanted.shape), "dtype": str(wanted.dtype)}
    if not np.issubdtype(wanted.dtype, np.floating):
        return OutputParity(
            **common,
            agreement=float((wanted == got).mean()) if wanted.size else 1.0,
            exact=bool((wanted == got).all()),
        )
    finite = np.isfinite(wanted)
    if np.isnan(wanted).any() or not finite.any():
        return OutputParity(**common, degenerate=True, note="the eager model's own output is not finite")
    misplaced = np.where(finite, 0, wanted) != np.where(np.isfinite(got), 0, got)
    if misplaced.any():
        note = _not_finite([got]) if finite.all() else _misplaced(misplaced)
        return OutputParity(**common, reference_std=_std(wanted[finite]), note=note)
    return _of_finite(common, wanted, got, finite)


def _of_finite(common: dict[str, Any], wanted: Array, got: Array, finite: NDArray[np.bool_]) -> OutputParity:
    """Compare where both are finite."""
    signal, error = wanted.astype(np.float64), np.zeros(wanted.shape)
    signal[~finite] = 0.0
    error[finite] = got[finite].astype(np.float64) - signal[finite]
    flat, written = signal[finite], signal[finite] + error[finite]
    spread, noise = _std(flat), float(np.square(error).sum())
    rms = float(np.sqrt(np.square(flat).mean()))
    # A single value has no spread, and is judged by its size.
    degenerate = rms < DEGENERATE_STD or (flat.size > 1 and spread < DEGENERATE_STD_OF_RMS * rms)
    norms = float(np.linalg.norm(flat) * np.linalg.norm(written))
    return OutputParity(
        **common,
        sqnr_db=_db(float(flat @ flat), noise),
        centred_sqnr_db=None if degenerate or flat.size == 1 else _db(spread**2 * flat.size, noise),
        cosine=float(np.clip(flat @ written / norms, -1, 1)) if norms > 0 else None,
        max_abs=float(np.abs(error).max()),
        exact=noise == 0,
        reference_std=spread,
        degenerate=degenerate,
        lost=[] if degenerate or noise == 0 else lost_groups(signal, error),
        note=CONSTANT if degenerate else "",
    )


def _db(signal: float, noise: float) -> float | None:
    return 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None


def _std(values: Array) -> float:
    return float(values.astype(np.float64).std()) if values.size else 0.0


def _misplaced(misplaced: NDArray[np.bool_]) -> str:
    """Describe NaNs and infinities that only one of program and reference has in a place."""
    count = f"{misplaced.sum()} of {misplaced.size} output values"
    return f"{count} are infinite or NaN in one of program and reference only"


def _not_finite(outputs: Sequence[Array]) -> str:
    """Return how many values are NaN or infinite as a text, which is empty if there are none."""
    size, count = sum(array.size for array in outputs), sum(int((~np.isfinite(a)).sum()) for a in outputs)
    return f"{count} of {size} output values are NaN or infinite" if count else ""


def _top1(reference: Array, output: Array, axis: int | None) -> float | None:
    if axis is None:
        return None
    return float((reference.argmax(axis) == output.argmax(axis)).mean())


def _nothing(note: str, *, degenerate: bool = False) -> Parity:
    return Parity(
        sqnr_db=None,
        cosine=None,
        max_abs=None,
        top1_agreement=None,
        exact=False,
        reference_std=None,
        degenerate=degenerate,
        note=note,
    )
