"""Tables of results, as pandas frames and as CSV files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from etbench.errors import EtbenchError
from etbench.escaping import terminal_text
from etbench.results.files.store import UnreadableError, read_result
from etbench.results.schema import Result
from etbench.results.tables.delegation import DELEGATION_COLUMNS, delegation_rows
from etbench.results.tables.evaluation import evaluated, evaluation_names, is_accuracy
from etbench.results.tables.files import file_texts, sweep_names
from etbench.results.tables.metrics import COLUMNS, METRIC, RAW
from etbench.results.tables.profiles import HEADER, operator_rows
from etbench.results.tables.rows import Row, row_of, stream_rows
from etbench.results.tables.speedup import CHOSEN_BY, FIGURES, choose_bases, speedups
from etbench.results.tables.varied import varied_words

__all__ = [
    "accuracies",
    "against",
    "base_delegate",
    "compare_delegates",
    "compare_precisions",
    "delegation",
    "fastest",
    "frame_of_rows",
    "load_results",
    "measured_cells",
    "pivot",
    "profile",
    "rank",
    "summary",
    "to_frame",
    "with_raw",
]

BASE_PRECISION = "fp32"
BASE_DELEGATE = "portable"
MAIN_DELEGATE = "xnnpack"  # the baseline beside delegates other than these two
IDENTITY = ["model", "precision", "delegate"]
INTERVAL = ["latency_ci95_low_ms", "latency_ci95_high_ms"]
OF_BASE = [METRIC, "pte_bytes", "evaluation", "evaluation_items"]  # what pairs have of their baseline
CONDITIONS = ["inputs", "weights", "threads", "runner", "env", "machine", "varied"]

_log = logging.getLogger(__name__)


def load_results(
    paths: str | Path | Iterable[str | Path], *, remember: bool = False, raw: bool = False
) -> pd.DataFrame:
    """Read result files into a frame with one row per cell; units are in the column names.

    The values are numbers, texts and booleans, so the frame can be filtered, saved and read again. A function
    that needs more of the cells, such as `compare_precisions`, reads it from the files of the column `file`.

    Args:
        paths: files, or folders that are searched for ``.json`` files; a file that is not a result, or
            a copy of another one, is logged and left out.
        remember: keep an index in each folder, and read only files that are new or changed since.
        raw: add columns of objects, so that no function reads the files again.

    """
    files, rows = [], []
    for path, row in stream_rows([paths] if isinstance(paths, (str, Path)) else paths, remember=remember):
        if isinstance(row, UnreadableError):
            _log.warning("left out %s", terminal_text(row.message))
        else:
            files.append(path)
            rows.append(row)
    frame = frame_of_rows(rows, files)
    return frame if raw else frame.drop(columns=RAW)


def to_frame(results: Iterable[Result], files: Sequence[Path] | None = None) -> pd.DataFrame:
    """Return the frame of these results, in their order; with `files`, it has the columns of places."""
    return frame_of_rows([row_of(result) for result in results], files)


def frame_of_rows(rows: Sequence[Row], files: Sequence[Path] | None = None) -> pd.DataFrame:
    """Return the frame of rows of `etbench.results.tables.rows`, and of their files if these are given."""
    values = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    frame = pd.DataFrame(
        {
            column.name: np.array(of_all, dtype=column.dtype)
            if column.dtype == "float64"
            else pd.Series(of_all, dtype=column.dtype or "object")
            for column, of_all in zip(COLUMNS, values, strict=True)
        }
    ).infer_objects()
    plain = [name for name in frame.columns[frame.dtypes.eq("object")] if name not in RAW]
    frame = frame.astype(dict.fromkeys(plain, "str"))  # texts, none of which is known
    frame = _with_evaluation(frame)
    words = varied_words(_identities(frame), list(frame["overrides"]))
    varied, variant = zip(*words, strict=True) if rows else ((), ())
    frame = frame.assign(varied=pd.array(varied, dtype="str"), variant=pd.array(variant, dtype="str"))
    if files is None:
        return frame
    return frame.assign(
        sweep=pd.array(sweep_names(files), dtype="str"),
        file=pd.array(file_texts(files), dtype="str"),
    )


def with_raw(frame: pd.DataFrame, needed: Sequence[str]) -> pd.DataFrame:
    """Return the frame with the columns of objects that are needed, from its files if it does not have them.

    Raises:
        EtbenchError: if it has no column `file`, or one of the files cannot be read.

    """
    if set(needed) <= set(frame.columns):
        return frame
    if "file" not in frame:
        raise EtbenchError(
            "the frame has neither the column `file` of load_results nor those of load_results(…, raw=True); "
            "keep `file` when you choose columns",
            stage="tables",
        )
    rows = {path: row_of(read_result(Path(path))) for path in dict.fromkeys(frame["file"])}
    places = [place for place, column in enumerate(COLUMNS) if column.raw]
    values = [[rows[path][place] for path in frame["file"]] for place in places]
    return frame.assign(
        **{
            name: pd.Series(column, dtype="object", index=frame.index)
            for name, column in zip(RAW, values, strict=True)
        }
    )


def _identities(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(*(frame[name] for name in IDENTITY), strict=True))


def _with_evaluation(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a column for each figure of its accuracy functions, at the end."""
    found = [evaluated(*pair) for pair in zip(frame["evaluation"], frame["evaluation_items"], strict=True)]
    names = evaluation_names(found)
    if not names:
        return frame
    return frame.assign(
        **{name: np.array([one.get(name) for one in found], dtype="float64") for name in names}
    )


def accuracies(frame: pd.DataFrame) -> list[str]:
    """Return the columns of the figures of accuracy functions, without those of their intervals."""
    return [str(name) for name in frame.columns if is_accuracy(str(name))]


def _weighed(frame: pd.DataFrame) -> list[str]:
    """Return those columns and whose they are: a figure of random weights means nothing."""
    names = accuracies(frame)
    return [*names, "weights"] if names else []


def compare_precisions(frame: pd.DataFrame, base: str = BASE_PRECISION) -> pd.DataFrame:
    """Compare each precision with the baseline, for each model and delegate.

    `speedup` is how many times faster the cell is than the baseline, with its 95 % interval; `how` names the
    way they were compared and `basis` what was, see `results.tables.speedup`; `size_ratio` is the size of the
    cell divided by that of the baseline, so below 1 is smaller.
    """
    pairs = against(frame, "precision", base)
    pairs["size_ratio"] = pairs["pte_bytes"] / pairs["pte_bytes_base"]
    columns = [*IDENTITY, "base", METRIC, f"{METRIC}_base", *FIGURES, "pte_bytes", "size_ratio", "sqnr_db"]
    return pairs[[*columns, *_weighed(pairs), *_varied(pairs)]]


def compare_delegates(frame: pd.DataFrame, base: str | None = None) -> pd.DataFrame:
    """Compare each delegate with the baseline, for each model and precision; see `compare_precisions`.

    The baseline is that of `base_delegate`, unless you name another one.
    """
    pairs = against(frame, "delegate", base or base_delegate(frame))
    columns = [*IDENTITY, "base", METRIC, f"{METRIC}_base", *FIGURES, "delegated_share", "sqnr_db"]
    return pairs[[*columns, *_weighed(pairs), *_varied(pairs)]]


def base_delegate(frame: pd.DataFrame) -> str:
    """Return the delegate that the others are compared with: portable beside xnnpack alone, else xnnpack.

    If neither was measured, it is the first one by name.
    """
    measured = set(measured_cells(frame)["delegate"])
    if measured <= {BASE_DELEGATE, MAIN_DELEGATE}:
        return BASE_DELEGATE
    return next((name for name in (MAIN_DELEGATE, BASE_DELEGATE) if name in measured), min(measured))


def rank(frame: pd.DataFrame) -> pd.DataFrame:
    """Order the measured cells by their median latency alone: overall, and within each model.

    `etbench.results.decide` returns whether the first cell of a model is shown to be the fastest. The
    conditions in which cells of a model differ, such as machine, threads and weights, and the overrides that
    were varied, are columns too.
    """
    measured = measured_cells(frame).sort_values(METRIC, kind="stable")
    figures = [METRIC, *INTERVAL, "pte_bytes", "sqnr_db", *_weighed(measured)]
    telling = dict.fromkeys([*_telling(measured), *_varied(measured), *figures])
    ranked = measured[[*IDENTITY, *telling]].copy()
    ranked.insert(0, "rank", range(1, len(ranked) + 1))
    within = ranked.groupby("model")[METRIC].rank(method="first").astype(int)
    ranked.insert(1, "rank_in_model", within)
    return ranked.reset_index(drop=True)


def fastest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cell of each model with the lowest median latency, the fastest model first; see `rank`."""
    ranked = rank(frame)
    return ranked[ranked["rank_in_model"] == 1].drop(columns=["rank_in_model"]).reset_index(drop=True)


def pivot(frame: pd.DataFrame, value: str = METRIC) -> pd.DataFrame:
    """Return one row per model and one column per (precision, delegate), with the median of repeated cells.

    A model that was measured in several conditions, such as machines, threads, weights or overrides that were
    varied, has several rows.
    """
    measured = measured_cells(frame)
    return measured.pivot_table(
        index=["model", *_telling(measured)],
        columns=["precision", "delegate"],
        values=value,
        aggfunc="median",
        dropna=False,
    )


def profile(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operator of the profiled cells, in the order of execution; see `Operator`."""
    frame = with_raw(frame, ["operators"])
    rows = [
        operator
        for row in frame[frame["operators"].notna()].to_dict("records")
        for operator in operator_rows(tuple(row[name] for name in IDENTITY), row["operators"])
    ]
    return pd.DataFrame(rows, columns=list(HEADER))


def delegation(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operator of each built cell: delegated or left behind, and why."""
    frame = with_raw(frame, ["operators", "delegation"])
    rows = [
        operator
        for row in frame[frame["delegation"].notna()].to_dict("records")
        for operator in delegation_rows([row[name] for name in IDENTITY], row["delegation"], row["operators"])
    ]
    return pd.DataFrame(rows, columns=list(DELEGATION_COLUMNS)).astype({"left_behind_ms": "float64"})


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that fit on a screen, for all cells, failed ones included."""
    columns = [*IDENTITY, "status", METRIC, "latency_mean_ms", "p95_bound", "pte_bytes", "sqnr_db"]
    chosen = frame[[*columns, *_weighed(frame), *_varied(frame)]]
    return chosen.sort_values(IDENTITY, kind="stable").reset_index(drop=True)


def _varied(frame: pd.DataFrame) -> list[str]:
    """Return the columns of the overrides that were varied, if any was."""
    return [name for name in ("varied", "variant") if frame[name].ne("").any()]


def _telling(measured: pd.DataFrame) -> list[str]:
    """Return the conditions in which cells of the same model differ."""
    known = measured[["model", *CONDITIONS]].drop_duplicates()
    several = known.groupby("model").nunique(dropna=False).gt(1).any()
    return [name for name in CONDITIONS if several.get(name, False)]


def measured_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that were measured and are not wrong."""
    return frame[frame["status"].eq("ok") & frame[METRIC].notna()]


def against(frame: pd.DataFrame, by: str, base: str, *, confidence: float = 0.95) -> pd.DataFrame:
    """Pair each measured cell with its baseline: the cell that differs only in `by`, which is `base` there.

    The baseline has the same conditions: input shapes, weights, threads, runner, interpreter, machine and
    varied overrides, and, if the two were not interleaved, the same versions. What an imported summary does
    not know counts as equal among the summaries of one tool. If the baseline was measured more than once, the
    run interleaved with the cell is used, or else the median run. `confidence` is that of the intervals.
    """
    others = [name for name in IDENTITY if name != by] + CONDITIONS + ["source"]
    measured = measured_cells(with_raw(frame, [*CHOSEN_BY, *OF_BASE]))
    imported = measured["source"].ne("etbench")
    same = measured[others].astype(object)
    same = same.mask(same.isna() & imported.to_numpy()[:, None], "unknown")
    known = same.notna().all(axis=1)
    measured, same = measured[known].reset_index(drop=True), same[known].reset_index(drop=True)
    is_base = measured[by].eq(base)
    needed = pd.concat([same, measured[CHOSEN_BY]], axis=1)
    chosen = choose_bases(needed[is_base], needed[~is_base], others)
    pairs, bases = measured.loc[list(chosen)], measured.loc[list(chosen.values())]
    pairs = pairs.assign(
        **speedups(bases, pairs, confidence=confidence),
        **{f"{name}_base": bases[name].array for name in OF_BASE},
        base=base,
    )
    return pairs.sort_values(IDENTITY, kind="stable").reset_index(drop=True)
