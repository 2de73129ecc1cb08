"""The summary of a cell's samples."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from msgspec import Struct

from etbench.stats.bounds import Bound, Duration, Ms
from etbench.stats.interval import location_interval
from etbench.stats.tails import TAILS, tail_bounds

__all__ = ["LatencyMs", "summarize"]


class LatencyMs(Struct, frozen=True, kw_only=True):
    """Latency of one inference over all rounds, in ms.

    Percentiles interpolate linearly between order statistics (type 7 of Hyndman & Fan, "Sample
    Quantiles in Statistical Packages", The American Statistician 50, 1996; numpy's default).
    `std_dev` is the sample standard deviation (n - 1), and 0 for a single sample. `location` is the
    median of the round medians, and `p50_ci95_low` to `p50_ci95_high` its 95 % interval
    (`location_interval`); null below five rounds. `p95_bound` and `p99_bound` bound these percentiles from
    above with a confidence of 95 % (`tail_bounds`); null if the samples are too few for that, and then the
    percentile itself is not worth showing. `p50`, `p95` and `p99` are null only in an imported summary that
    lacks them, as are `min`, `max` and `std_dev`.
    """

    avg: Ms
    min: Ms | None = None
    max: Ms | None = None
    std_dev: Duration | None = None
    p50: Ms | None = None
    p95: Ms | None = None
    p99: Ms | None = None
    location: Ms | None = None
    p50_ci95_low: Bound | None = None
    p50_ci95_high: Bound | None = None
    p95_bound: Bound | None = None
    p99_bound: Bound | None = None


def summarize(rounds_ms: Sequence[Sequence[float]], *, inferences_per_sample: int = 1) -> LatencyMs:
    """Summarize the pooled samples of all rounds.

    Args:
        rounds_ms: the samples of each round, in ms; at least one sample in total.
        inferences_per_sample: if there are several, the samples are means, which have no tail.

    Raises:
        ValueError: if there is no sample.

    """
    samples = np.array([sample for samples in rounds_ms for sample in samples], dtype=np.float64)
    if samples.size == 0:
        raise ValueError("no samples to summarize")
    p50, p95, p99 = np.percentile(samples, [50, 95, 99])
    rounds = [taken for taken in rounds_ms if len(taken)]
    interval = location_interval(rounds)
    bounds = _upper_bounds(rounds) if inferences_per_sample == 1 else {}
    return LatencyMs(
        # rounding can put the mean of equal samples an ulp outside of them
        avg=float(np.clip(samples.mean(), samples.min(), samples.max())),
        min=float(samples.min()),
        max=float(samples.max()),
        std_dev=float(samples.std(ddof=1)) if samples.size > 1 else 0.0,
        p50=float(p50),
        p95=float(p95),
        p99=float(p99),
        location=median(median(taken) for taken in rounds),
        p50_ci95_low=interval.low if interval else None,
        p50_ci95_high=interval.high if interval else None,
        **bounds,
    )


def _upper_bounds(rounds_ms: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return `p95_bound` and `p99_bound`, as far as the samples suffice."""
    found = {f"{name}_bound": tail_bounds(rounds_ms, quantile) for name, quantile in TAILS.items()}
    return {name: bounds[1] for name, bounds in found.items() if bounds is not None}
