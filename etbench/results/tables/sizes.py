"""Latency and parity of programs with dynamic axes, at each size of their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from etbench.results.schema import Result
from etbench.stats.parity import Parity
from etbench.stats.summary import LatencyMs
from etbench.text import shape_text

__all__ = ["SIZE_COLUMNS", "Size", "size_rows", "sizes_of"]

# The columns of sizes.csv and what they mean; `etbench.results.analysis.reference` documents them.
SIZE_COLUMNS = {
    "model": "model",
    "precision": "precision",
    "delegate": "delegate",
    "inputs": "shapes of the inputs; the first row of a cell has those of its rounds",
    "latency_p50_ms": "median latency, if this size was timed: `model.dynamic.measure`",
    "latency_ci95_low_ms": "lower end of the 95 % interval of the median over the rounds",
    "latency_ci95_high_ms": "upper end",
    "samples": "number of timed inferences",
    "sqnr_db": "signal-to-noise ratio of the worst output against eager fp32; `inf` if all are equal",
}


class Size(Struct, frozen=True, kw_only=True):
    """One size of the inputs of a cell; `latency` is None if it was not timed."""

    inputs: str
    latency: LatencyMs | None
    samples: int
    parity: Parity | None


def sizes_of(result: Result) -> list[Size] | None:
    """Return the sizes of a program with dynamic axes, that of its rounds first; None for any other."""
    if not result.parity_at_other_sizes:
        return None
    usual = result.artifact.inputs if result.artifact else []
    sizes = [
        Size(
            inputs=_shapes(spec.shape for spec in usual),
            latency=result.latency_ms,
            samples=result.repeat,
            parity=result.parity,
        )
    ]
    timed = {_shapes(one.inputs): one for one in result.latency_at_other_sizes}
    for one in result.parity_at_other_sizes:
        found = timed.get(shapes := _shapes(one.inputs))
        sizes.append(
            Size(
                inputs=shapes,
                latency=found.latency_ms if found else None,
                samples=sum(map(len, found.rounds)) if found else 0,
                parity=one.parity,
            )
        )
    return sizes


def size_rows(identity: Sequence[str], sizes: Sequence[Size]) -> Iterator[tuple[Any, ...]]:
    """Yield one row per size, in the order of `SIZE_COLUMNS`."""
    for size in sizes:
        latency, parity = size.latency, size.parity
        interval = (latency.p50, latency.p50_ci95_low, latency.p50_ci95_high) if latency else (None,) * 3
        yield (*identity, size.inputs, *interval, size.samples, parity.fidelity_db if parity else None)


def _shapes(shapes: Any) -> str:
    return " ".join(map(shape_text, shapes))
