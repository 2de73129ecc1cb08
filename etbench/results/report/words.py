"""The summary in words: what to ship, what it gains, what went wrong, what to read with care."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from msgspec import Struct

from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.comparison.outcome import decision_counts, family_rule
from etbench.results.decision.figures import direction, in_words
from etbench.results.report.cautions import Point, cautions, faults
from etbench.results.schema import Result
from etbench.results.tables.evaluation import LOW, PREFIX, RANDOM, paired_shares
from etbench.results.tables.frames import BASE_PRECISION, accuracies, against, base_delegate, measured_cells
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.numbers import data_size, db, milliseconds, number, span
from etbench.results.tables.pareto import nearly_most_accurate, nearly_smallest
from etbench.results.tables.speedup import COMPARED_BY, strict_bounds
from etbench.text import and_more, counted, percent

__all__ = ["Leads", "Summary", "leads", "summarize_in_words"]

LISTED = 3  # names in a sentence
WRONG = 0.05  # chance that any cell of the report is falsely called significantly faster


class Summary(Struct, frozen=True, kw_only=True):
    """What was measured, in one sentence, and the findings."""

    lead: str
    points: list[Point]


def summarize_in_words(frame: pd.DataFrame, results: Sequence[Result]) -> Summary:
    """Summarize these results in words.

    Args:
        frame: from `etbench.results.tables.labels.label_cells`.
        results: the same cells, in the same order.

    """
    measured = measured_cells(frame)
    points = [
        *(*faults(frame, results), *_choices(measured), *_gains(measured)),
        *(*_verdicts(frame, results), *cautions(frame, results)),
    ]
    return Summary(lead=_lead(frame, measured), points=points)


def _lead(frame: pd.DataFrame, measured: pd.DataFrame) -> str:
    if frame.empty:
        return "There are no results."
    grid = ", ".join(
        counted(frame[column].nunique(), noun)
        for column, noun in (("model", "model"), ("precision", "precision"), ("delegate", "delegate"))
    )
    wrong = int(frame["status"].eq("wrong").sum())
    if len(frame) == 1:
        state = "wrong" if wrong else "measured" if len(measured) else "not measured"
        return f"One cell, {state}: {frame['cell'].iloc[0]}."
    count = len(measured) + wrong
    share = f"All {len(frame)}" if count == len(frame) else f"{count} of {len(frame)}"
    how = f"measured, but {wrong} of them {'is' if wrong == 1 else 'are'} wrong" if wrong else "measured"
    return f"{share} cells were {how}: {grid}."


def _choices(measured: pd.DataFrame) -> Iterator[Point]:
    """Name the fastest, smallest and most accurate cell of each model that has several."""
    if measured.empty:
        return
    rivals = measured.groupby("setting")["cell"].transform("size") > 1
    if len(measured) > 1 and not rivals.any():
        yield _range_of_models(measured.sort_values(METRIC, kind="stable"))
        return
    if rivals.any():
        measured = measured[rivals]
    yield from _fastest(measured.sort_values(METRIC, kind="stable"))
    sized = measured[measured["pte_bytes"].notna()]
    if not sized.empty:
        small = sized[nearly_smallest(sized["pte_bytes"], sized["setting"])]
        yield _choice("Smallest", small.sort_values(METRIC, kind="stable"), "pte_bytes", data_size)
    judged = measured[measured["sqnr_db"].notna()]
    if not judged.empty:
        accurate = judged[nearly_most_accurate(judged["sqnr_db"], judged["setting"])]
        yield _choice("Closest to eager fp32", accurate.sort_values(METRIC, kind="stable"), "sqnr_db", db)
    yield from _most_accurate(measured)


def _most_accurate(measured: pd.DataFrame) -> Iterator[Point]:
    """Name the cell of each model with the best accuracy, and those that are not shown to be worse."""
    known = measured[measured["weights"].ne(RANDOM)]
    for name in accuracies(known):
        if direction(name) == "lower":
            continue
        ordered = known[known[name].notna()].sort_values(
            [name, METRIC], ascending=[False, True], kind="stable"
        )
        lines = []
        for _, rivals in ordered.groupby("setting", sort=False):
            best, *others = rivals.to_dict("records")
            equal = [one["cell"] for one in others if not _is_worse(one, best, name.removeprefix(PREFIX))]
            doubt = f"; not shown to be better than {and_more(equal, LISTED)}" if equal else ""
            value = in_words(name, best[name], share=bool(pd.notna(best.get(f"{name}{LOW}"))))
            lines.append(f"{best['cell']}, {value}{doubt}.")
        if lines:
            yield Point(title=f"Most accurate ({name})", kind="good", lines=lines)


def _is_worse(cell: Mapping[Any, Any], best: Mapping[Any, Any], name: str) -> bool:
    """Return whether a share is shown to be worse, item by item; a figure without items counts as it is."""
    shares = paired_shares(*(one["evaluation_items"].get(name) for one in (best, cell)))
    if shares is None:
        return bool(cell[f"{PREFIX}{name}"] < best[f"{PREFIX}{name}"])
    return shares.verdict == "worse"


def _range_of_models(fast: pd.DataFrame) -> Point:
    """Return the fastest and the slowest of models that have one cell each."""
    ends = (f"{milliseconds(row[METRIC])} ({row['cell']})" for _, row in fast.iloc[[0, -1]].iterrows())
    return Point(title="Latency", kind="note", lines=[f"One cell for each model: {' to '.join(ends)}."])


def _fastest(fast: pd.DataFrame) -> Iterator[Point]:
    """Name the cell of each setting with the lowest median, as the fastest only where the rounds show it.

    Args:
        fast: measured cells, the fastest first.

    """
    found = _contests(fast)
    is_open = fast["setting"].isin(found.index[~found["won"]])
    scope = "95 % for all models together" if len(found) > 1 else "95 %"
    for title, kind, cells in (
        ("Fastest", "good", fast[~is_open]),
        ("Lowest median latency", "note", fast[is_open]),
    ):
        if not cells.empty:
            judged = found[found.index.isin(cells["setting"])]
            alone = cells["setting"].nunique() == 1
            point = _choice(
                *(title, cells, METRIC, milliseconds),
                more=_evidence(judged, scope, alone=alone),
                total=fast["setting"].nunique(),
            )
            yield msgspec.structs.replace(point, kind=kind)


def _evidence(judged: pd.DataFrame, scope: str, *, alone: bool) -> str:
    """Write whether cells are shown to be faster than all others: behind the name of one, or as a line."""
    if judged.empty:
        return ""
    if judged["won"].all():
        if judged["assumed"].any():
            scope += ", or more than twice as fast as those not interleaved with it"
        words = f"significantly faster than all others ({scope})"
    else:
        words = f"not significantly faster than all others ({scope})"
        if withheld := int(judged["apart"].sum()):
            if alone:
                return ", which was not interleaved with all others that are close"
            words += f"; {withheld} not interleaved with all that are close"
    return f", {words}" if alone else f"{words[0].upper()}{words[1:]}."


def _choice(
    title: str,
    ordered: pd.DataFrame,
    value: str,
    write: Callable[[float], str],
    *,
    more: str = "",
    total: int | None = None,
) -> Point:
    """Name the first cell of each setting, equal choices together.

    Args:
        title: of the point.
        ordered: the cells, the best of each setting first.
        value: the column of their figures.
        write: writes a figure.
        more: a remark: behind the name of a single cell, otherwise a line of its own.
        total: how many settings there are; by default, those of these cells.

    """
    best = ordered.groupby("setting", sort=False).head(1)
    if len(best) == 1:
        row = best.iloc[0]
        return Point(title=title, kind="good", lines=[f"{row['cell']}, {write(row[value])}{more}."])
    total = total or len(best)
    groups = sorted(best.groupby(["precision", "delegate"]), key=lambda group: -len(group[1]))
    lines = [
        f"{precision} on {delegate} for {_whose(group.sort_values(value), value, write, total)}."
        for (precision, delegate), group in groups
    ]
    return Point(title=title, kind="good", lines=[*lines, more] if more else lines)


def _whose(group: pd.DataFrame, value: str, write: Callable[[float], str], total: int) -> str:
    """Return for how many settings this is the choice, and the range of its values."""
    names, figures = list(group["setting"]), [write(figure) for figure in group[value]]
    if len(group) == 1:
        return f"{names[0]}: {figures[0]}"
    whole = "both" if total == 2 else f"all {total}"
    count = whole if len(group) == total else f"{len(group)} of {total}"
    return f"{count} models: {figures[0]} ({names[0]}) to {figures[-1]} ({names[-1]})"


class Leads(NamedTuple):
    """In how many settings the first cell leads, how many leads are withheld or assumed, and of how many."""

    ahead: int
    withheld: int
    assumed: int
    contests: int


def leads(fast: pd.DataFrame) -> Leads:
    """Count the settings of `_contests` by how they end; `fast` has the fastest cell first."""
    found = _contests(fast)
    ahead, withheld, assumed = (int(found[how].sum()) for how in ("won", "apart", "assumed"))
    return Leads(ahead, withheld, assumed, len(found))


def _contests(fast: pd.DataFrame) -> pd.DataFrame:
    """Return for each setting with several cells whether the first one leads.

    `won` is true if it does, `assumed` if it does and is more than twice as fast as a cell that was not
    interleaved with it. `apart` is true if the answer is withheld, since a cell that is close was not.

    To be faster than all others a cell must win each comparison, which needs no correction (the
    intersection-union test: Berger, Technometrics 24, 1982); that there are several settings does
    (Bonferroni).

    Args:
        fast: measured cells, the fastest first.

    """
    first = np.arange(len(fast))[~fast.duplicated("setting")]
    settings = fast["setting"].to_numpy()
    place = dict(zip(settings[first], first, strict=True))
    others = np.flatnonzero(fast.duplicated("setting"))
    contests = len(set(settings[others]))
    if not contests:
        return pd.DataFrame(columns=["won", "apart", "assumed"], dtype=bool)
    compared = fast[COMPARED_BY]
    low, _, interleaved = strict_bounds(
        compared.iloc[others],
        compared.iloc[[place[name] for name in settings[others]]],
        confidence=1 - WRONG / contests,
    )
    won = low > 1
    found = pd.DataFrame({"lost": ~won, "apart": ~won & ~interleaved, "assumed": won & ~interleaved})
    ends = found.groupby(settings[others]).any()
    return ends.assign(won=~ends["lost"], assumed=ends["assumed"] & ~ends["lost"])


def _gains(measured: pd.DataFrame) -> Iterator[Point]:
    """Return what each precision and each delegate gains over its baseline."""
    for by, base, other, word in (
        ("precision", BASE_PRECISION, "delegate", "on"),
        ("delegate", base_delegate(measured), "precision", "in"),
    ):
        family = max(1, int(measured[by].ne(base).sum()))
        pairs = against(measured, by, base, confidence=1 - WRONG / family)
        for name, chosen in pairs.groupby(by):
            lines = [f"{word} {where}: {_gain(group, by)}." for where, group in chosen.groupby(other)]
            yield Point(title=f"{name} instead of {base}", kind="note", lines=lines)


def _gain(pairs: pd.DataFrame, by: str) -> str:
    factors = list(pairs["speedup"])
    speed = f"{span(factors)} times as fast"
    if len(factors) > 1:
        speed += f" (median {number(median(factors))} of {len(factors)})"
    parts = [speed, _significance(pairs)]
    if by == "precision":
        ratios = (pairs["pte_bytes"] / pairs["pte_bytes_base"]).dropna()
        parts.append(_sizes([float(ratio) for ratio in ratios]))
        judged = pairs[pairs["sqnr_db"].notna()]
        if not judged.empty:
            lowest = judged.sort_values("sqnr_db").iloc[0]
            said = f", lowest for {lowest['setting']}" if len(judged) > 1 else ""
            parts.append(f"SQNR {span(judged['sqnr_db'], 'dB')}{said}")
    return "; ".join(filter(None, parts))


def _significance(pairs: pd.DataFrame) -> str:
    """Return for how many pairs the interval excludes 1."""
    low, high = pairs["speedup_ci95_low"], pairs["speedup_ci95_high"]
    counts = {
        "significantly faster (95 %)": int((low > 1).sum()),
        "significantly slower (95 %)": int((high < 1).sum()),
        "inconclusive": int(((low <= 1) & (high >= 1)).sum()),
        "without an interval": int(low.isna().sum()),
    }
    said = {word: count for word, count in counts.items() if count}
    if len(said) == 1:
        (word,) = said
        return word if len(pairs) == 1 else f"all {word}"
    return ", ".join(f"{count} {word}" for word, count in said.items())


def _sizes(ratios: list[float]) -> str:
    if not ratios:
        return ""
    ends = [min(ratios), max(ratios)]
    words = [f"{percent(abs(1 - ratio))} {'smaller' if ratio <= 1 else 'larger'}" for ratio in ends]
    if words[0] == words[1]:
        return words[0]
    if all(ratio <= 1 for ratio in ends):
        return f"{span([100 * (1 - ratio) for ratio in ends])} % smaller"
    return f"{words[0]} to {words[1]}"


def _verdicts(frame: pd.DataFrame, results: Sequence[Result]) -> Iterator[Point]:
    """Return the verdicts of cells that were interleaved with a baseline."""
    compared = family_verdicts(results)
    if not compared:
        return
    decisions = {cell.decision for cell in compared}
    kind: Literal["bad", "warning", "note"] = "note"
    if "undecided" in decisions:
        kind = "warning"
    if "regression" in decisions:
        kind = "bad"
    lines = [f"{decision_counts(compared)}."]
    names = frame.loc[[result.in_turn is not None for result in results], "cell"]
    for name, cell in zip(names, compared, strict=True):
        bounds = "" if cell.low is None else f", 95 % {cell.interval}"
        lines.append(f"{name}: {cell.words} (new / baseline {cell.ratio:.3f}{bounds}).")
    if rule := family_rule(compared):
        lines.append(f"{rule}.")
    yield Point(title="Compared with the baseline", kind=kind, lines=lines)
