"""The content of a report: sentences, charts with their tables, and files that were left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec import Struct

from etbench.results import charts
from etbench.results.files.upgrade import fill_in
from etbench.results.graph.picture import picture
from etbench.results.graph.program import program_graph
from etbench.results.report import tables
from etbench.results.report.accuracy import accuracy_grid, change_grid
from etbench.results.report.environments import environment_grids
from etbench.results.report.grid import Grid
from etbench.results.report.operators import summary_grids
from etbench.results.report.over_time import histories_to_show, history_grid, verdict_grid
from etbench.results.report.shipping import Shipping, shipping
from etbench.results.report.why import differences, why_charts, why_grids
from etbench.results.report.words import Summary, summarize_in_words
from etbench.results.schema import Result
from etbench.results.tables.frames import BASE_PRECISION, base_delegate, measured_cells, to_frame
from etbench.results.tables.labels import label_cells
from etbench.results.tables.pareto import mark_pareto
from etbench.results.tables.rounds import by_spread, round_table
from etbench.text import counted

__all__ = ["ACCURACY", "Report", "Section", "gather"]

ACCURACY = "accuracy"  # the section of that name
TOP = 10
ROUNDS = 5_000  # that are drawn, of all cells together
DRAWN = 8  # programs, see `etbench.results.graph`
STRIPS = 40  # cells whose rounds are drawn, those with the widest spread


class Drawing(Struct, frozen=True, kw_only=True):
    """A picture that is folded away: its caption, and an SVG whose texts are escaped."""

    caption: str
    svg: str


class Section(Struct, frozen=True, kw_only=True):
    """A heading, a sentence or two, Vega-Lite specifications, drawings, and the numbers behind them."""

    name: str
    title: str
    text: str
    specs: list[dict[str, Any]] = []
    drawings: list[Drawing] = []
    numbers: list[Grid] = []


class Report(Struct, frozen=True, kw_only=True):
    """The content of a report; `left_out` names the files that are not results, with the reason."""

    title: str
    when: str
    shipping: Shipping | None
    summary: Summary
    ranking: Grid
    sections: list[Section]
    environment: list[Grid]
    cells: Grid
    left_out: list[str]


def gather(
    results: Iterable[Result],
    files: Sequence[Path] | None = None,
    *,
    title: str = "etbench",
    left_out: Iterable[str] = (),
    top: int = TOP,
) -> Report:
    """Make the content of a report.

    Args:
        results: the cells, failed ones included.
        files: those of the results, for the names of cells that were measured several times.
        title: what was measured, such as the name of the folder.
        left_out: files that are not results, each with the reason.
        top: how many cells the ranking has.

    """
    cells = [fill_in(result) for result in results]
    frame = label_cells(to_frame(cells, files))
    return Report(
        title=title,
        when=_when(frame),
        shipping=shipping(cells, files),
        summary=summarize_in_words(frame, cells),
        ranking=tables.ranking_grid(frame, top),
        sections=[
            *_accuracy(frame),
            *_baseline(frame, cells),
            *_trend(frame),
            *(section for section in _sections(frame, cells, files) if section.specs),
            *_sizes(frame),
        ],
        environment=environment_grids(cells),
        cells=tables.cell_grid(frame),
        left_out=list(left_out),
    )


def _sections(
    frame: pd.DataFrame, results: Sequence[Result], files: Sequence[Path] | None
) -> Iterator[Section]:
    yield _pareto(frame)
    yield from _comparisons(frame)
    yield _rounds(frame, results, round_table(results, files))
    yield Section(
        name="coverage",
        title="Delegation coverage",
        text="The share of the graph's nodes that a delegate runs; the rest runs on portable kernels, and "
        "each switch between them costs time.",
        specs=_specs(charts.coverage_bars(frame)),
        numbers=[tables.coverage_grid(frame)],
    )
    yield _operators(frame, results)
    yield _why(results)


def _accuracy(frame: pd.DataFrame) -> list[Section]:
    """Return a section, if an accuracy was evaluated."""
    numbers = [one for one in (change_grid(frame), accuracy_grid(frame)) if one.rows]
    text = (
        "What the accuracy function returned for each cell; a share of items has the Wilson interval. If "
        "a cell and fp32 judged the same items, those that only one of them gets right are compared by "
        "McNemar's exact test, with 95 % for all rows together. Undecided does not mean that nothing is "
        "lost. The accuracy of random weights means nothing, and is marked."
    )
    specs = _specs(charts.accuracy(frame)) if frame["cell"].nunique() > 1 else []
    return (
        [Section(name=ACCURACY, title="Accuracy", text=text, specs=specs, numbers=numbers)] if numbers else []
    )


def _baseline(frame: pd.DataFrame, results: Sequence[Result]) -> list[Section]:
    """Return a section without charts, if a cell was interleaved with a baseline."""
    numbers = verdict_grid(frame, results)
    text = (
        "Cells that were interleaved with a baseline, block by block. The verdicts hold for all of them "
        "together: the more cells are judged, the stronger the evidence that each needs."
    )
    return (
        [Section(name="baseline", title="Compared with the baseline", text=text, numbers=[numbers])]
        if numbers.rows
        else []
    )


def _trend(frame: pd.DataFrame) -> list[Section]:
    """Return a section, if a cell was measured often enough to judge how its latency developed."""
    histories = histories_to_show(frame)
    text = (
        "Cells that were measured again and again. The line is the level between changes that stand out from "
        "how the runs vary; the number at a change is the level after it divided by the level before. Hollow "
        "points are runs that weigh less than half, since their interval is wide."
    )
    return (
        [
            Section(
                name="trend",
                title="Trend",
                text=text,
                specs=_specs(charts.history_lines(histories)),
                numbers=[history_grid(histories)],
            )
        ]
        if histories
        else []
    )


def _sizes(frame: pd.DataFrame) -> list[Section]:
    """Return a section without charts, if a program has dynamic axes."""
    sizes = tables.size_grid(frame)
    text = (
        "Programs with dynamic axes, at several sizes of their inputs. The first size of each is that of its "
        "rounds; those of model.dynamic.measure are timed in five processes each, apart from other cells."
    )
    return (
        [Section(name="sizes", title="Sizes of the inputs", text=text, numbers=[sizes])] if sizes.rows else []
    )


def _pareto(frame: pd.DataFrame) -> Section:
    frame = mark_pareto(frame[frame.groupby("setting")["cell"].transform("size") > 1])
    return Section(
        name="pareto",
        title="Fast, accurate and small",
        text="Filled marks on the line are Pareto-optimal: no other cell of the model is as good in latency "
        "(by the interval of their ratio), SQNR (to 3 dB, up to 100 dB) and size (to 1 %), and better in one "
        "of them. Other cells have hollow marks. SQNR is the signal-to-noise ratio against eager fp32; 20 dB "
        "is an error of a tenth of the signal.",
        specs=_specs(charts.pareto(frame)),
        numbers=[tables.pareto_grid(frame)],
    )


def _comparisons(frame: pd.DataFrame) -> Iterator[Section]:
    measured = measured_cells(frame)
    precisions, delegates = (list(dict.fromkeys(measured[name])) for name in ("precision", "delegate"))
    interval = "Lines are 95 % intervals, if there are five rounds or more."
    yield Section(
        name="precisions",
        title="Precisions",
        text=f"Median latency of each precision, on each delegate. {interval}",
        specs=_specs(*(charts.precision_bars(frame, delegate) for delegate in sorted(delegates))),
        numbers=[tables.latency_grid(frame)],
    )
    if len(delegates) > 1:
        base = base_delegate(frame)
        drawn = [charts.delegate_bars(frame, precision) for precision in sorted(precisions)]
        yield Section(
            name="delegates",
            title="Delegates",
            text="Median latency of each delegate, on a log axis because some are many times slower; and how "
            f"many times faster each is than {base}.",
            specs=_specs(*drawn, charts.speedup_bars(frame, base, by="delegate")),
            numbers=[tables.latency_grid(frame), tables.speedup_grid(frame, "delegate", base)],
        )
    yield Section(
        name="speedups",
        title="Speedups",
        text="How many times as fast as fp32. Interleaved cells are compared block by "
        "block. Others have no interval, since one run of each does not show how far apart two runs are.",
        specs=_specs(charts.speedup_bars(frame)),
        numbers=[tables.speedup_grid(frame, "precision", BASE_PRECISION)],
    )


def _rounds(frame: pd.DataFrame, results: Sequence[Result], rounds: pd.DataFrame) -> Section:
    spread = by_spread(rounds)
    drawn = rounds[rounds["cell"].isin(spread[:STRIPS])]
    every = 1 + len(drawn) // ROUNDS
    drawn = drawn[(drawn["round"] % every).eq(0)]
    whose = (
        f" Shown are the {STRIPS} of {len(spread)} cells with the widest spread."
        if len(spread) > STRIPS
        else ""
    )
    if every > 1:
        whose += f" One of every {every} rounds is drawn."
    return Section(
        name="rounds",
        title="Rounds",
        text="A round is a fresh process. If the rounds of a cell differ, the state of the machine changed "
        f"during the measurement; outlying rounds are marked, and remain in the results.{whose}",
        specs=_specs(charts.round_strips(drawn), charts.round_boxes(drawn)),
        numbers=[tables.stability_grid(frame, results)],
    )


def _operators(frame: pd.DataFrame, results: Sequence[Result]) -> Section:
    profiled = int(frame["operators"].notna().sum())
    return Section(
        name="operators",
        title="Where the time goes",
        text=f"The operators that take longest, for {counted(profiled, 'profiled cell')}. The profiler "
        "itself takes time, so these times add up to more than the latency.",
        specs=_specs(charts.operator_bars(frame)),
        drawings=list(_drawings(frame, results)),
        numbers=[*summary_grids(frame, results, TOP), tables.operator_grid(frame, TOP)],
    )


def _drawings(frame: pd.DataFrame, results: Sequence[Result]) -> Iterator[Drawing]:
    """Yield the parts of the first `DRAWN` profiled programs."""
    named = zip(frame["cell"], results, strict=True)
    for cell, result in [one for one in named if one[1].profile is not None][:DRAWN]:
        yield Drawing(caption=f"The parts of {cell}", svg=picture(program_graph(result)))


def _why(results: Sequence[Result]) -> Section:
    found = differences(results)
    return Section(
        name="why",
        title="Where the differences lie",
        text="Profiled cells from fp32 to another precision, kind by kind of operator. These profiles were "
        "not measured interleaved, so no part is called a cause; `etbench diff` measures two interleaved.",
        specs=why_charts(found),
        numbers=why_grids(found),
    )


def _specs(*drawn: charts.AnyChart) -> list[dict[str, Any]]:
    return [chart.to_dict() for chart in drawn if not charts.is_blank(chart)]


def _when(frame: pd.DataFrame) -> str:
    """Return the time span in which the cells were measured, in UTC like the files."""
    times = sorted(frame["created_at"].dropna().str.slice(0, 16).str.replace("T", " "))
    if not times:
        return ""
    return times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"
