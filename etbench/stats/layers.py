"""How far each layer of a converted model is from the same layer in fp32; numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.bounds import Count

__all__ = ["Layer", "Numerics", "worst_layers"]

Array = NDArray[np.float32]
WORST = 10


class Layer(Struct, frozen=True, kw_only=True):
    """One module: its dotted name and class, and SQNR in dB.

    SQNR is null if the two are equal, if fp32 is all zeros, or if the outputs are not `finite`: NaN or
    infinite, such as after an overflow in half precision.
    """

    name: str
    kind: str
    sqnr_db: float | None
    finite: bool = True


class Numerics(Struct, frozen=True, kw_only=True):
    """The layers of a converted model against fp32, on the reference inputs.

    The error of a layer includes that of all layers before it. `worst` are the ten layers farthest from
    fp32, those that are not finite first; `layers` are all layers, in the order they run.
    """

    compared: Count
    worst: list[Layer]
    layers: list[Layer]
    note: str = ""


def worst_layers(
    kinds: Mapping[str, str], fp32: Sequence[Mapping[str, Array]], other: Sequence[Mapping[str, Array]]
) -> Numerics:
    """Compare outputs of layers over all batches.

    Args:
        kinds: class of each layer.
        fp32: for each batch, the output of each layer by its name, in the order they run.
        other: the same for the converted model; layers that it lacks or that differ in shape are left out.

    """
    layers = []
    for name in fp32[0]:
        pairs = [(a[name], b.get(name)) for a, b in zip(fp32, other, strict=True)]
        if all(b is not None and a.shape == b.shape for a, b in pairs):
            signal = sum(float(np.square(a, dtype=np.float64).sum()) for a, _ in pairs)
            noise = sum(float(np.square(b.astype(np.float64) - a).sum()) for a, b in pairs if b is not None)
            layers.append(_layer(name, kinds.get(name, ""), signal, noise))
    broken = [layer for layer in layers if not layer.finite]
    differing = [layer for layer in layers if layer.sqnr_db is not None]
    worst = [*broken, *sorted(differing, key=lambda layer: layer.sqnr_db or 0.0)][:WORST]
    return Numerics(compared=len(layers), worst=worst, layers=layers, note=_note(layers, broken, worst))


def _layer(name: str, kind: str, signal: float, noise: float) -> Layer:
    finite = bool(np.isfinite(signal) and np.isfinite(noise))
    says = finite and noise > 0 and signal > 0
    return Layer(
        name=name, kind=kind, sqnr_db=float(10 * np.log10(signal / noise)) if says else None, finite=finite
    )


def _note(layers: Sequence[Layer], broken: Sequence[Layer], worst: Sequence[Layer]) -> str:
    if broken:
        return f"{len(broken)} of {len(layers)} layers have NaN or infinite outputs, {broken[0].name} first"
    if not layers:
        return "no layer could be compared"
    return "" if worst else "no layer differs from fp32"
