"""A difference in words: a row for each part of the waterfall, and the sentences below it."""

from __future__ import annotations

from collections.abc import Iterator

from etbench.escaping import markdown_bold, markdown_row, markdown_text
from etbench.results.diff.difference import Delegated, Difference, Size
from etbench.results.diff.parts import CONFIDENCE, Change, OperatorChange, Part
from etbench.text import counted, shape_text

__all__ = ["HEADER", "answer", "diff_markdown", "remarks", "waterfall_rows"]

HEADER = ("part", "A ms", "B ms", "change ms", f"{CONFIDENCE:.0%} interval", "what differs")
NAMED = "cause"
MOST_DELEGATED = 6
SMALL = 0.01  # of the larger latency: parts below it that are not causes are one row


def answer(found: Difference) -> str:
    """Return one line: how far the two are apart, and what is shown to be a cause."""
    change = found.latency
    same = " with the same program" if found.same_program else ""
    times = f"{change.a_ms:.4g} ms to {change.b_ms:.4g} ms{same}"
    if not found.interleaved:
        return f"{times}: no cause is named, since the operators' times were not measured interleaved"
    causes = found.causes
    if not causes:
        return f"{times}: no part differs beyond the noise of {found.blocks} blocks"
    first = causes[0]
    rest = f", and {counted(len(causes) - 1, 'other part')}" if len(causes) > 1 else ""
    about = f" ({what})" if (what := _what(first)) else ""
    return f"{times}: first of all {first.kind}{about}, {_signed(first.change.change_ms)} ms{rest}"


def waterfall_rows(found: Difference) -> Iterator[tuple[str, ...]]:
    """Yield the rows below `HEADER`, from A's latency to B's."""
    least = SMALL * max(found.latency.a_ms, found.latency.b_ms)
    yield ("A", f"{found.latency.a_ms:.4g}", "", "", "", found.a)
    small = [part for part in found.parts if not part.cause and abs(part.change.change_ms) < least]
    for part in found.parts:
        if part not in small:
            yield _row(part, _what(part))
    if small:
        a_ms, b_ms, change = (
            sum(getattr(part.change, name) for part in small) for name in ("a_ms", "b_ms", "change_ms")
        )
        yield (
            f"{counted(len(small), 'other part')}",
            f"{a_ms:.4g}",
            f"{b_ms:.4g}",
            _signed(change),
            "",
            ", ".join(part.kind for part in small),
        )
    yield _row(found.unexplained, "also what the profiler itself takes")
    yield (
        "B",
        "",
        f"{found.latency.b_ms:.4g}",
        _signed(found.latency.change_ms),
        _interval(found.latency),
        found.b,
    )


def remarks(found: Difference) -> Iterator[str]:
    """Yield the lines below the table: how it was measured, delegation, borders and sizes."""
    yield found.how
    yield from found.notes
    yield from map(_delegated, found.delegation[:MOST_DELEGATED])
    if (rest := len(found.delegation) - MOST_DELEGATED) > 0:
        yield f"{rest} more kinds of operators are delegated otherwise: see --format json"
    if changed := [_size(one) for one in found.counts if one.a != one.b]:
        yield "partitions: " + ", ".join(changed)
    if changed := [_size(one, unit=True) for one in found.sizes if one.a != one.b]:
        yield "sizes: " + ", ".join(changed)
    for part in found.causes:
        if largest := [one for one in part.operators if one.change_ms]:
            yield f"{part.kind}: " + "; ".join(map(_operator, largest))


def diff_markdown(found: Difference) -> str:
    """Return the difference as Markdown."""
    lines = [
        f"### {markdown_text(found.a)} → {markdown_text(found.b)}",
        "",
        f"{markdown_text(answer(found))}.",
        "",
    ]
    lines += [markdown_row(HEADER), "|---|--:|--:|--:|--:|---|"]
    named = {part.kind for part in found.causes}
    for first, *rest in waterfall_rows(found):
        lines.append(markdown_row((markdown_bold(first) if first in named else first, *rest)))
    return "\n".join([*lines, *(f"\n- {markdown_text(line)}" for line in remarks(found))])


def _row(part: Part, what: str) -> tuple[str, ...]:
    change = part.change
    kind = f"{part.kind} ({NAMED})" if part.cause else part.kind
    return (
        kind,
        f"{change.a_ms:.4g}",
        f"{change.b_ms:.4g}",
        _signed(change.change_ms),
        _interval(change),
        what,
    )


def _what(part: Part) -> str:
    """Write how the operators of a part differ in number and place."""
    moved = part.b_portable - part.a_portable
    more = part.b_count - part.a_count
    said = []
    if part.a_count - part.a_portable and moved > 0:
        said.append(f"{moved} more on portable kernels in B")
    elif part.b_count - part.b_portable and moved < 0:
        said.append(f"{-moved} fewer on portable kernels in B")
    if more:
        said.append(f"{part.b_count} instead of {part.a_count}")
    elif part.b_count:
        said.append(f"{part.b_count} in both")
    return ", ".join(said)


def _operator(one: OperatorChange) -> str:
    where = f"{one.name} {one.module or shape_text(one.shape) if one.shape or one.module else ''}".rstrip()
    if one.a_ms is None:
        return f"{where} only in B, {one.b_ms:.3g} ms"
    if one.b_ms is None:
        return f"{where} only in A, {one.a_ms:.3g} ms"
    moved = f" ({one.a_where} to {one.b_where})" if one.a_where != one.b_where else ""
    return f"{where} {one.a_ms:.3g} to {one.b_ms:.3g} ms{moved}"


def _delegated(one: Delegated) -> str:
    reason = f": {one.reason}" if one.reason else ""
    a, b = f"{one.a_taken} of {one.a_count} in A", f"{one.b_taken} of {one.b_count} in B"
    return f"{one.name}: delegated {a}, {b}{reason}"


def _size(one: Size, *, unit: bool = False) -> str:
    a, b = ("unknown" if value is None else f"{value:,}" for value in (one.a, one.b))
    return f"{one.name} {a} to {b}{' bytes' if unit else ''}"


def _interval(change: Change) -> str:
    if change.low_ms is None or change.high_ms is None:
        return "none"
    return f"{_signed(change.low_ms)} to {_signed(change.high_ms)}"


def _signed(ms: float) -> str:
    return f"{ms:+.3g}"
