"""The parts of a program as an SVG: what each delegate took, what stayed outside and why, and their times."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from etbench.artifact.kinds import CALLS
from etbench.escaping import template
from etbench.results.graph.program import PORTABLE, Part, ProgramGraph, Row
from etbench.results.tables.numbers import milliseconds
from etbench.text import and_more, counted, shape_text, share_cell

__all__ = ["picture"]

WIDTH, MARGIN, GAP = 1040, 20, 24  # pixels; the gap is between two parts
LANE, MOST_LANES = 13, 10  # beside the parts, for what is read later
HEAD, ROW, LINE, FOOT = 34, 22, 16, 10  # heights: a title, a row, a line of a reason, below the last row
LARGE, LETTER, SMALL = 10.0, 7.4, 6.5  # widths of a letter, on the safe side: 16, 13 and 12 pixels high
CALL = "the call itself"
BAR = 190  # pixels: the whole inference


@dataclass(frozen=True)
class Line:
    """A row of a part as it is drawn: texts, and below them the lines of the reason."""

    y: float
    text: str
    figures: list[str]
    bar: float
    reason: list[str] = field(default_factory=list)
    copies: str = ""


@dataclass(frozen=True)
class Box:
    """A part as it is drawn."""

    y: float
    height: float
    style: str
    title: str
    figures: list[str]
    bar: float
    lines: list[Line]
    rest: str
    follows: bool


@dataclass(frozen=True)
class Lane:
    """A line from a part to those that read its output, other than the next one."""

    x: float
    begin: float
    ends: list[float]


def picture(graph: ProgramGraph) -> str:
    """Return the SVG of a program's parts, in the order of execution.

    It is light or dark as its surroundings ask for, and refers to nothing else.
    """
    lanes = _lanes(graph.parts)
    left = MARGIN + (LANE * (max(lane for _, lane in lanes.values()) + 1) + 8 if lanes else 0)
    head = _head(graph)
    y: float = MARGIN + 24 + 20 * len(head) + 34
    boxes: list[Box] = []
    for position, part in enumerate(graph.parts):
        box = _box(graph, position, part, y, WIDTH - MARGIN - left)
        boxes.append(box)
        y += box.height + GAP
    drawn = [
        Lane(
            x=MARGIN + LANE * lane + 4,
            begin=boxes[source].y + boxes[source].height - 12,
            ends=[boxes[reader].y + 14 for reader in readers],
        )
        for source, (readers, lane) in lanes.items()
    ]
    return template("etbench.results.graph", "partitions.svg.jinja").render(
        width=WIDTH,
        height=round(y - GAP + MARGIN + 26),
        margin=MARGIN,
        left=left,
        right=WIDTH - MARGIN,
        gap=GAP,
        title=_cut(f"The parts of {graph.cell}", WIDTH - 2 * MARGIN, LARGE),
        head=head,
        boxes=boxes,
        lanes=drawn,
        bar=BAR,
        timed=graph.profile is not None,
        styles={box.style for box in boxes},
        foot=_foot(graph),
    )


def _head(graph: ProgramGraph) -> list[str]:
    """Return the lines below the title."""
    inside = [part for part in graph.parts if part.subgraph is not None]
    taken = sum(part.count for part in inside)
    outside = sum(part.count for part in graph.parts) - taken
    copies = sum(row.border_copies for part in graph.parts for row in part.rows)
    counts = [
        f"{counted(len(inside), 'subgraph')} of {graph.result.delegate} with {counted(taken, 'operator')}"
        if inside
        else "",
        f"{counted(outside, 'operator')} on {graph.parts[0].runs_in if not inside else 'portable kernels'}",
        f"{counted(copies, 'operator')} only to copy or convert at a border" if copies else "",
    ]
    lines = [", ".join(filter(None, counts))]
    if graph.profile is not None:
        inferences = counted(graph.profile.inferences, "inference")
        lines.append(
            f"one inference: {_ms(graph.profile.execute_ms)}, the mean of {inferences} with the profiler on"
        )
    unknown = [text for what, text in graph.missing.items() if what != "noise"]  # which is not drawn
    return lines + [line for text in unknown for line in _wrapped(text, WIDTH - 2 * MARGIN)]


def _foot(graph: ProgramGraph) -> str:
    """Return the inputs and outputs of the program, as far as a line has room for them."""
    artifact = graph.result.artifact
    if artifact is None:
        return ""
    shapes = [
        and_more((f"{shape_text(one.shape)} {one.dtype}" for one in some), 3)
        for some in (artifact.inputs, artifact.outputs)
    ]
    return _cut(f"inputs: {shapes[0]}; outputs: {shapes[1]}", WIDTH - 2 * MARGIN, SMALL)


def _box(graph: ProgramGraph, position: int, part: Part, top: float, width: float) -> Box:
    parts = len(graph.parts)
    most = 8 if parts <= 12 else 4 if parts <= 40 else 2
    timed = graph.profile is not None
    room = width - (BAR + 230 if timed else 90) - 24
    y = top + HEAD
    lines: list[Line] = []
    for row in part.rows[:most]:
        reason = list(_wrapped(row.reason, width - 48))
        copies = f"{row.border_copies} at a border" if row.border_copies else ""
        text = _cut(_row_text(part, row), room - LETTER * (len(copies) + 2 if copies else 0))
        lines.append(
            Line(y, text, _figures(row.count, row.mean_ms, row.share, timed), _bar(row.share), reason, copies)
        )
        y += ROW + LINE * len(reason)
    rest = ""
    if hidden := part.rows[most:]:
        ms = f", {_ms(sum(row.mean_ms or 0.0 for row in hidden))}" if timed else ""
        names = and_more((CALL if row.kind == CALLS else row.kind for row in hidden), 6)
        rest = _cut(f"and {counted(len(hidden), 'other kind')}{ms}: {names}", width - 48, SMALL)
        y += LINE + 2
    return Box(
        y=top,
        height=y + FOOT - top,
        style="outside" if part.runs_in == PORTABLE else "inside",
        title=_cut(_title(graph, part), room),
        figures=_figures(part.count, part.mean_ms, part.share, timed),
        bar=_bar(part.share),
        lines=lines,
        rest=rest,
        follows=position > 0 and (position - 1 in part.sources or not graph.edges_known),
    )


def _title(graph: ProgramGraph, part: Part) -> str:
    words = [part.runs_in]
    if part.subgraph is not None:
        words.append(f"subgraph {part.subgraph}")
    elif any(one.subgraph is not None for one in graph.parts):
        words[0] = f"outside of the delegate: {part.runs_in}"
    return ", ".join([*words, and_more(part.precisions, 3)] if part.precisions else words)


def _row_text(part: Part, row: Row) -> str:
    """Return the name of a row: the kind inside of a delegate, else the operators, which have reasons."""
    if row.kind == CALLS:
        return f"{CALL}, beyond the operators that it reports"
    if part.runs_in == PORTABLE:
        return and_more(row.names, 3)
    return row.kind if row.count else f"{row.kind}, not in the graph"


def _figures(count: int, mean_ms: float | None, share: float | None, timed: bool) -> list[str]:
    """Return a count and, if operators were timed, a time and its share."""
    number = f"{count} x" if count else ""
    if not timed:
        return [number]
    if mean_ms is None:
        return [number, "-", ""]
    return [number, _ms(mean_ms), "" if share is None else share_cell(share)]


def _ms(value: float) -> str:
    if value >= 1e5:
        return f"{value / 1e3:.3g} s"
    if 0 < value < 0.001:
        return f"{1e3 * value:.1g} µs"
    return milliseconds(value)


def _bar(share: float | None) -> float:
    return round(BAR * min(share or 0.0, 1.0), 1)


def _lanes(parts: Sequence[Part]) -> dict[int, tuple[list[int], int]]:
    """Return, for each part that others than the next one read, these and the number of its lane.

    Lanes do not overlap as long as there are enough; the last one takes all that is left.
    """
    readers: dict[int, list[int]] = {}
    for reader, part in enumerate(parts):
        for source in part.sources:
            if source < reader - 1:
                readers.setdefault(source, []).append(reader)
    free: list[int] = []  # where each lane ends
    found: dict[int, tuple[list[int], int]] = {}
    for source, ends in sorted(readers.items()):
        lane = next((number for number, end in enumerate(free) if end <= source), len(free))
        lane = min(lane, MOST_LANES - 1)
        if lane == len(free):
            free.append(0)
        free[lane] = max(free[lane], ends[-1])
        found[source] = (ends, lane)
    return found


def _wrapped(text: str, width: float) -> Iterator[str]:
    yield from textwrap.wrap(text, max(20, int(width / SMALL)), max_lines=3, placeholder=" …")


def _cut(text: str, width: float, letter: float = LETTER) -> str:
    """Return a text that fits a width, with an ellipsis if something is left out."""
    most = max(8, int(width / letter))
    return text if len(text) <= most else f"{text[: most - 1]}…"
