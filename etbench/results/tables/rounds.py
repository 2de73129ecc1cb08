"""The rounds of each cell as a table: how its samples are spread within and between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etbench.results.files.upgrade import fill_in
from etbench.results.schema import Result
from etbench.results.tables.frames import IDENTITY, to_frame
from etbench.results.tables.labels import label_cells

__all__ = ["ROUND_COLUMNS", "by_spread", "round_table"]

QUANTILES = {"min_ms": 0, "q1_ms": 25, "median_ms": 50, "q3_ms": 75, "max_ms": 100}
# The columns of a round and their meaning.
ROUND_COLUMNS = {
    "samples": "number of samples of the round",
    "min_ms": "least of them",
    "q1_ms": "their first quartile",
    "median_ms": "their median",
    "q3_ms": "their third quartile",
    "max_ms": "largest of them",
    "deviation": "median of the round relative to that of all rounds of the cell; 0.1 is 10 % slower",
    "outlying": "true for a round that is far from the others; it remains in the results",
}
COLUMNS = ["cell", *IDENTITY, "round", *ROUND_COLUMNS]


def round_table(results: Iterable[Result], files: Sequence[Path] | None = None) -> pd.DataFrame:
    """Return one row per round, in the order of the results and of time.

    `min_ms` to `max_ms` are quartiles of its samples. `deviation` is the relative distance of its
    median from the median of all round medians of the cell: 0.1 is 10 % slower. `outlying` marks the rounds
    that `etbench.stats.stability` reports. Imported summaries and cells without measurements have no rounds,
    so they have no rows. `files` are those of the results, for the names of cells measured more than once.
    """
    results = [fill_in(result) for result in results]
    names = label_cells(to_frame(results, files))["cell"]
    rows = [row for name, result in zip(names, results, strict=True) for row in _rows(name, result)]
    figures = dict.fromkeys([*QUANTILES, "deviation"], "float64")
    counts = dict.fromkeys(["round", "samples"], "int64")
    texts = dict.fromkeys(["cell", *IDENTITY], "str")
    return pd.DataFrame(rows, columns=COLUMNS).astype(texts | figures | counts | {"outlying": "bool"})


def by_spread(rounds: pd.DataFrame) -> list[str]:
    """Return the cells of a table of rounds, the one with the widest spread of its rounds first."""
    widest = rounds["deviation"].abs().groupby(rounds["cell"]).max()
    return list(widest.sort_values(ascending=False).index)


def _rows(name: str, result: Result) -> list[tuple[object, ...]]:
    taken = [samples for samples in result.rounds if samples]
    quartiles = _quartiles(taken)
    outlying = set(result.stability.outlying_rounds if result.stability else [])
    identity = (name, result.model_name, result.precision_short, result.delegate)
    location = float(np.median(quartiles[:, 2])) if taken else 1.0
    return [
        (*identity, number, len(samples), *spread, spread[2] / location - 1, number in outlying)
        for number, (samples, spread) in enumerate(zip(taken, quartiles.tolist(), strict=True))
    ]


def _quartiles(rounds: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the quartiles of each round; those of one length are computed at once."""
    lengths = np.array([len(samples) for samples in rounds])
    quartiles = np.empty((len(rounds), len(QUANTILES)))
    for length in set(lengths.tolist()):
        alike = np.flatnonzero(lengths == length)
        samples = [rounds[number] for number in alike.tolist()]
        quartiles[alike] = np.percentile(samples, list(QUANTILES.values()), axis=1).T
    return quartiles
