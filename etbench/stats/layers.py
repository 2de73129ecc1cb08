"""What each layer of a converted model costs in accuracy; numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.bounds import Count

__all__ = ["Layer", "Noise", "Numerics", "noise", "worst_layers"]

Array = NDArray[np.float32]
WORST = 10


class Layer(Struct, frozen=True, kw_only=True):
    """One module: its dotted name and class, and SQNR in dB.

    `sqnr_db` is that of its output in the converted model, which includes the errors of all layers before it.
    `own_db` is that of its output if it is fed with the values of fp32, so its own noise. `alone_db` is that
    of the model's output if only this layer is converted: what the layer costs. An SQNR is null if the two
    are equal, if fp32 is all zeros, or if the outputs are not `finite`: NaN or infinite, such as after an
    overflow in half precision. Results of older versions have `sqnr_db` only.
    """

    name: str
    kind: str
    sqnr_db: float | None
    own_db: float | None = None
    alone_db: float | None = None
    finite: bool = True


class Numerics(Struct, frozen=True, kw_only=True):
    """The layers of a converted model against fp32, on the reference inputs, run by PyTorch.

    `worst` are the ten layers that cost the most (by `alone_db`), those that are not finite first; in results
    of older versions, those with the lowest `sqnr_db`, which are often only the last ones. `layers` are all
    layers, in the order they run.
    """

    compared: Count
    worst: list[Layer]
    layers: list[Layer]
    note: str = ""


@dataclass(frozen=True)
class Noise:
    """The energy of a layer's output in fp32, of the error in the converted model, and of its own error."""

    signal: float
    error: float
    own: float

    def __add__(self, other: Noise) -> Noise:
        """Return the energies over more batches."""
        return Noise(self.signal + other.signal, self.error + other.error, self.own + other.own)


def noise(fp32: Array, together: Array, alone: Array) -> Noise:
    """Return the energies for one batch; the arrays have one shape."""
    wanted = fp32.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # of outputs that are not finite
        error, own = (float(np.square(found - wanted).sum()) for found in (together, alone))
    return Noise(float(np.square(wanted).sum()), error, own)


def worst_layers(
    kinds: Mapping[str, str], noises: Mapping[str, Noise], alone_db: Mapping[str, float | None]
) -> Numerics:
    """Rank the layers by what they cost.

    Args:
        kinds: class of each layer.
        noises: of each layer that could be compared, over all batches, in the order they run.
        alone_db: SQNR of the model's output if only this layer is converted.

    """
    layers = [_layer(name, kinds.get(name, ""), one, alone_db.get(name)) for name, one in noises.items()]
    broken = [layer for layer in layers if not layer.finite]
    costly = [layer for layer in layers if layer.finite and layer.alone_db is not None]
    worst = [*broken, *sorted(costly, key=lambda layer: layer.alone_db or 0.0)][:WORST]
    return Numerics(compared=len(layers), worst=worst, layers=layers, note=_note(layers, broken))


def _layer(name: str, kind: str, noise: Noise, alone_db: float | None) -> Layer:
    return Layer(
        name=name,
        kind=kind,
        sqnr_db=_db(noise.signal, noise.error),
        own_db=_db(noise.signal, noise.own),
        alone_db=alone_db,
        finite=bool(np.isfinite(noise.signal) and np.isfinite(noise.error)),
    )


def _db(signal: float, error: float) -> float | None:
    says = np.isfinite(signal) and np.isfinite(error) and error > 0 and signal > 0
    return float(10 * np.log10(signal / error)) if says else None


def _note(layers: Sequence[Layer], broken: Sequence[Layer]) -> str:
    if broken:
        return f"{len(broken)} of {len(layers)} layers have NaN or infinite outputs, {broken[0].name} first"
    if not layers:
        return "no layer could be compared"
    differs = any(layer.sqnr_db is not None for layer in layers)
    return "" if differs else "no layer differs from fp32"
