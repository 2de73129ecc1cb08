"""Verdicts as frames: what became faster or slower, and what to ship."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from etbench.results.analysis.cells import Paths, identified, read_cells
from etbench.results.comparison.compare import Comparison, compare_results
from etbench.results.decision.candidates import Ratio
from etbench.results.decision.decide import WANTED, Answer, Choice
from etbench.results.decision.decide import decide as decide_results
from etbench.results.decision.rules import Bounds, Rules, declared
from etbench.results.decision.where import parse_where
from etbench.results.files.upgrade import fill_in
from etbench.results.schema import CellComparison

__all__ = ["OF_COMPARED", "OF_DECIDED", "compare", "decide"]

OF_COMPARED = {
    "cell": "name of the cell",
    "model": "model",
    "precision": "precision",
    "delegate": "delegate",
    "setting": "what distinguishes the cell from others of its name, and the two sides from each other",
    "base_ms": "median of the round medians of the baseline",
    "new_ms": "that of the new result",
    "how": "`in turn`: compared block by block; `separate runs`: by how far apart runs are; `summaries`: "
    "imported, without rounds",
    "ratio": "new divided by baseline; above 1 is slower",
    "low": "lower bound of its 95 % interval; missing if there are too few rounds for one, or separate runs "
    "do not show how far apart runs are",
    "high": "upper bound",
    "verdict": "how the two differ: `faster`, `slower`, `same` or `inconclusive`; `none` for summaries",
    "decision": "`passed`, `regression`, `undecided`, or `failed`, `wrong`, `not measured`, `missing`, `new`",
    "threshold": "slowdown that is allowed",
    "same_program": "true if both programs have the same bytes",
    "advice": "how to settle what is undecided",
    "reason": "why there is no ratio",
}
OF_DECIDED = {
    "setting": "model and conditions in which its cells compete",
    "answer": "`ship`, `too close`, `accuracy unknown` or `no cell`, for the whole setting",
    "role": "`ship`, `runner-up`, `close` (too close to call), `safe` (until that is known), `candidate`, or "
    "`ruled out`",
    "cell": "name of the cell",
    "precision": "precision",
    "delegate": "delegate",
    "value": "what is optimized",
    "latency_p50_ms": "median latency",
    "low_ms": "lower bound of its 95 % interval",
    "high_ms": "upper bound",
    "pte_bytes": "size of the .pte",
    "peak_memory_bytes": "peak memory above the level before the program is loaded",
    "sqnr_db": "signal-to-noise ratio of the worst output against eager fp32",
    "times_fp32": "how many times as fast as fp32; above 1 is faster",
    "times_fp32_low": "lower bound",
    "times_fp32_high": "upper bound",
    "times_ship": "how many times as fast as the cell to ship",
    "times_ship_low": "lower bound",
    "times_ship_high": "upper bound",
    "trust": "what of the latency is uncertain",
    "why": "bounds that a cell breaks or may break, or why it was not measured",
    "settle": "command that measures cells that are too close to call for longer",
    "notes": "what the answer rests on",
}
TEXTS = (
    "cell",
    "model",
    "precision",
    "delegate",
    "setting",
    "how",
    "verdict",
    "decision",
    "advice",
    "reason",
)
SAID = ("setting", "answer", "role", "cell", "precision", "delegate", "trust", "why", "settle", "notes")


def compare(
    base: Paths,
    new: Paths,
    *,
    threshold: float = 0.05,
    across: Collection[str] = (),
    drift: float | None = None,
) -> pd.DataFrame:
    """Compare two sets of results cell by cell, as ``etbench compare`` does; the columns are `OF_COMPARED`.

    Args:
        base: files or folders of the baseline.
        new: files or folders that are judged.
        threshold: 0.05 allows a cell to be 5 % slower.
        across: kinds of conditions that may differ between separate runs: ``machines``, ``versions``,
            ``settings``.
        drift: standard deviation of the log of a run's location between separate runs, if it is known.

    Raises:
        EtbenchError: if separate runs were measured in different conditions, which it names.

    """
    found = compare_results(
        read_cells(base)[0],
        read_cells(new)[0],
        threshold=threshold,
        across=across,
        drift=drift,
        base_path=str(base) if isinstance(base, (str, Path)) else "<baseline>",
    )
    table = pd.DataFrame(list(_compared(found)), columns=list(OF_COMPARED))
    figures = ["base_ms", "new_ms", "ratio", "low", "high", "threshold"]
    return table.astype(dict.fromkeys(figures, "float64") | dict.fromkeys(TEXTS, "str")).astype(
        {"same_program": "boolean"}
    )


def _compared(found: Comparison) -> Iterator[dict[str, Any]]:
    names = [name for name in CellComparison.__struct_fields__ if name in OF_COMPARED]
    for cell in found.cells:
        yield {"cell": cell.name, **{name: getattr(cell, name) for name in names}}
    for decision, faults in (
        ("failed", found.failing),
        ("wrong", found.wrong),
        ("not measured", found.not_measured),
    ):
        yield from ({"cell": one.cell, "decision": decision, "reason": one.why} for one in faults)
    yield from (
        {"cell": name, "decision": "missing", "reason": "only in the baseline"} for name in found.only_base
    )
    yield from ({"cell": name, "decision": "new", "reason": "not in the baseline"} for name in found.only_new)


def decide(
    paths: Paths,
    *,
    objective: str | None = None,
    bounds: Bounds | None = None,
    where: str | None = None,
    baseline: Paths | None = None,
) -> pd.DataFrame:
    """Choose the cell of each model to ship, as ``etbench decide`` does: one row per cell, in `OF_DECIDED`.

    The accuracies that were evaluated are columns ``eval_…`` too.

    Args:
        paths: files or folders of one or several sweeps.
        objective: the column that should be best; that of the sweep by default.
        bounds: what must hold, such as ``{"sqnr_db": ">=20", "pte_bytes": "<=20MB"}``; that of the sweep by
            default.
        where: only these cells, such as ``"delegate=xnnpack"``.
        baseline: earlier results, for bounds ``vs baseline``.

    Raises:
        EtbenchError: if the objective, a bound or the condition is not valid.

    """
    read = list(zip(*read_cells(paths), strict=True))
    holds = parse_where(where) if where else lambda _: True
    kept = [(fill_in(result), path) for result, path in read if holds(result)]
    results, files = [result for result, _ in kept], [path for _, path in kept]
    was = declared([result.config for result in results])
    rules = Rules.of(objective or was[0], was[1] if bounds is None else bounds)
    before = map(fill_in, read_cells(baseline)[0]) if baseline is not None else ()
    answers = decide_results(results, rules, baseline=before, files=files)
    named = identified(results, files).set_index("cell")[["precision", "delegate"]].to_dict("index")
    rows = [named[row["cell"]] | row for answer in answers for row in _decided(answer)]
    accuracies = list(dict.fromkeys(name for row in rows for name in row if name not in OF_DECIDED))
    table = pd.DataFrame(rows, columns=[*OF_DECIDED, *accuracies])
    figures = [str(name) for name in table.columns if name not in SAID]
    return table.astype(dict.fromkeys(figures, "float64") | dict.fromkeys(SAID, "str"))


def _decided(answer: Answer) -> Iterator[dict[str, Any]]:
    whole = {"setting": answer.setting, "answer": answer.answer, "notes": "; ".join(answer.notes)}
    for one in answer.candidates:
        close = one.cell in answer.close
        yield {
            **whole,
            "role": "close" if close else _role(answer, one),
            "settle": answer.settle if close else None,
            "why": answer.unclear.get(one.cell, ""),
            **{name: value for name, value in msgspec.structs.asdict(one).items() if name in OF_DECIDED},
            **{name: one.figures.get(name) for name in WANTED},
            **one.accuracy,
            **_bounded("times_fp32", one.times_fp32),
            **_bounded("times_ship", one.times_ship),
        }
    for out in answer.ruled_out:
        yield {**whole, "role": "ruled out", "cell": out.cell, "why": out.why}


def _role(answer: Answer, one: Choice) -> str:
    if answer.ship and one.cell == answer.ship.cell:
        return "ship"
    if answer.safe and one.cell == answer.safe.cell:
        return "safe"
    return "runner-up" if answer.runner_up and one.cell == answer.runner_up.cell else "candidate"


def _bounded(name: str, ratio: Ratio | None) -> dict[str, float | None]:
    if ratio is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: ratio.factor, f"{name}_low": ratio.low, f"{name}_high": ratio.high}
