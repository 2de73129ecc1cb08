"""Tables of results, as pandas frames and as CSV files."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from etbench.results.metrics import COLUMNS, RAW
from etbench.results.profiles import HEADER, operator_rows
from etbench.results.schema import Result
from etbench.results.speedup import FIGURES, choose_base, speedup
from etbench.results.store import read_results
from etbench.results.upgrade import fill_in

__all__ = [
    "against",
    "aggregate",
    "compare_delegates",
    "compare_precisions",
    "fastest",
    "load_results",
    "pivot",
    "rank",
    "summary",
    "to_frame",
]

BASE_PRECISION = "fp32"
BASE_DELEGATE = "portable"
METRIC = "latency_p50_ms"
IDENTITY = ["model", "precision", "delegate"]
NUMERIC = ["speedup", "speedup_ci95_low", "speedup_ci95_high"]
CONDITIONS = ["inputs", "weights", "threads", "host"]

_log = logging.getLogger(__name__)


def load_results(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read result files into a frame of one row a cell; units are in the column names.

    Args:
        paths: files, or folders that are searched for ``.json`` files; what is no result is logged
            by name and left out.

    """
    if isinstance(paths, (str, Path)):
        paths = [paths]
    found, unreadable = read_results(paths)
    for error in unreadable:
        _log.warning("left out %s", error.message)
    return to_frame(result for _, result in found)


def to_frame(results: Iterable[Result]) -> pd.DataFrame:
    """Return the frame of these results, in their order."""
    rows = [[column.read(result) for column in COLUMNS] for result in map(fill_in, results)]
    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS], dtype="object")
    return frame.infer_objects().astype({column.name: column.dtype for column in COLUMNS if column.dtype})


def compare_precisions(frame: pd.DataFrame, base: str = BASE_PRECISION) -> pd.DataFrame:
    """Compare each precision with the base one, for each model and delegate.

    `speedup` is how many times faster this one is than the base, with its 95 % interval and `how` they were
    compared, see `etbench.results.speedup`; `size_ratio` is this size over the base's, so below 1 is smaller.
    """
    pairs = against(frame, "precision", base)
    pairs["size_ratio"] = pairs["pte_bytes"] / pairs["pte_bytes_base"]
    columns = [*IDENTITY, "base", METRIC, f"{METRIC}_base", *FIGURES, "pte_bytes", "size_ratio", "sqnr_db"]
    return pairs[columns]


def compare_delegates(frame: pd.DataFrame, base: str = BASE_DELEGATE) -> pd.DataFrame:
    """Compare each delegate with the base one, for each model and precision; see `compare_precisions`."""
    pairs = against(frame, "delegate", base)
    return pairs[[*IDENTITY, "base", METRIC, f"{METRIC}_base", *FIGURES, "delegated_share", "sqnr_db"]]


def rank(frame: pd.DataFrame) -> pd.DataFrame:
    """Order the measured cells by p50: overall, and within each model."""
    measured = _measured(frame).sort_values(METRIC, kind="stable")
    ranked = measured[[*IDENTITY, METRIC, "pte_bytes", "sqnr_db"]].copy()
    ranked.insert(0, "rank", range(1, len(ranked) + 1))
    within = ranked.groupby("model")[METRIC].rank(method="first").astype(int)
    ranked.insert(1, "rank_in_model", within)
    return ranked.reset_index(drop=True)


def fastest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the fastest cell of each model, fastest model first."""
    ranked = rank(frame)
    return ranked[ranked["rank_in_model"] == 1].drop(columns=["rank_in_model"]).reset_index(drop=True)


def pivot(frame: pd.DataFrame, value: str = METRIC) -> pd.DataFrame:
    """Return one row a model, one column a (precision, delegate), of the median where a cell was repeated."""
    return _measured(frame).pivot_table(
        index="model", columns=["precision", "delegate"], values=value, aggfunc="median"
    )


def profile(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an operator of the profiled cells, in the order of execution; see `Operator`."""
    rows = [
        operator
        for row in frame[frame["operators"].notna()].to_dict("records")
        for operator in operator_rows(tuple(row[name] for name in IDENTITY), row["operators"])
    ]
    return pd.DataFrame(rows, columns=list(HEADER))


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that fit on a screen, for all cells, failed ones included."""
    columns = [*IDENTITY, "status", METRIC, "latency_mean_ms", "latency_p95_ms", "pte_bytes", "sqnr_db"]
    return frame[columns].sort_values(IDENTITY, kind="stable").reset_index(drop=True)


def aggregate(paths: Iterable[str | Path], out: Path) -> list[Path]:
    """Write all tables of these results as CSV files and return their paths.

    `results.csv`, `precision_comparison.csv`, `delegate_comparison.csv`, `ranking.csv`, `pivot.csv`, and
    `profile.csv` if a cell was profiled.
    """
    frame = load_results(list(paths))
    flat = pivot(frame)
    flat.columns = pd.Index([f"{'_'.join(map(str, pair))}_p50_ms" for pair in flat.columns])
    tables = {
        "results": frame.drop(columns=RAW),
        "precision_comparison": compare_precisions(frame),
        "delegate_comparison": compare_delegates(frame),
        "ranking": rank(frame),
        "pivot": flat.reset_index(),
    }
    if not (operators := profile(frame)).empty:
        tables["profile"] = operators
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        path = out / f"{name}.csv"
        table.to_csv(path, index=False)
        written.append(path)
    return written


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"].eq("ok") & frame[METRIC].notna()]


def against(frame: pd.DataFrame, by: str, base: str) -> pd.DataFrame:
    """Put each measured cell beside the one that differs from it only in `by`, which is `base` there.

    The base has the same conditions: input shapes, weights, threads and host. Where it was measured
    more than once under them, the one measured in turn with the cell counts, or the median one.
    """
    measured = _measured(frame)
    others = [name for name in IDENTITY if name != by] + CONDITIONS
    bases: dict[tuple[Any, ...], list[dict[Hashable, Any]]] = {}
    rows = []
    known = measured.dropna(subset=others).sort_values(by, key=lambda name: name.ne(base), kind="stable")
    for row in known.to_dict("records"):
        conditions = tuple(row[name] for name in others)
        if row[by] == base:
            bases.setdefault(conditions, []).append(row)
        elif conditions in bases:
            chosen = choose_base(bases[conditions], row)
            compared = msgspec.structs.asdict(speedup(chosen, row))
            beside = {f"{name}_base": chosen[name] for name in (METRIC, "pte_bytes")}
            rows.append(row | compared | beside | {"base": base})
    columns = [*frame.columns, *FIGURES, f"{METRIC}_base", "pte_bytes_base", "base"]
    pairs = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(NUMERIC, "float64"))
    return pairs.sort_values(IDENTITY, kind="stable").reset_index(drop=True)
