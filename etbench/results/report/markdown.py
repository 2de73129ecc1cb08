"""The report as a comment for a pull request: the same summary and verdicts, without charts."""

from __future__ import annotations

from collections.abc import Iterator

from etbench.escaping import html, markdown_bold, markdown_row, markdown_text
from etbench.results.report.content import ACCURACY, Report
from etbench.results.report.grid import Grid
from etbench.results.report.shipping import Shipping

__all__ = ["markdown_comment"]

MARKS = {"good": "🟢", "note": "🔵", "warning": "🟡", "bad": "🔴"}


def markdown_comment(report: Report) -> str:
    """Return the summary, the ranking, and the other tables in collapsed sections."""
    lines = [f"### etbench: {markdown_text(report.title)}", "", markdown_text(report.summary.lead), ""]
    if report.shipping:
        lines += _shipping(report.shipping)
    for point in report.summary.points:
        head = f"- {MARKS[point.kind]} **{markdown_text(point.title)}:**"
        if len(point.lines) == 1:
            lines.append(f"{head} {markdown_text(point.lines[0])}")
        else:
            lines += [head, *(f"  - {markdown_text(line)}" for line in point.lines)]
    if report.ranking.rows:
        lines += ["", markdown_bold(report.ranking.caption), "", *_table(report.ranking)]
    accuracy = [numbers for one in report.sections if one.name == ACCURACY for numbers in one.numbers]
    for numbers in (*accuracy, report.cells, *report.environment):
        lines += _folded(numbers)
    if report.left_out:
        lines += [
            "",
            "**Files left out**",
            "",
            *(f"- {markdown_text(message)}" for message in report.left_out),
        ]
    return "\n".join(lines) + "\n"


def _shipping(part: Shipping) -> Iterator[str]:
    yield from (
        f"**{markdown_text(part.headline)}** {markdown_text(part.rules)}",
        "",
        *_table(part.answers),
        "",
    )
    yield from (f"- {markdown_text(line)}" for line in (*part.notes, *part.reasons))
    yield ""
    for front in part.across_models:
        yield from (markdown_text(front.text), "", *_table(front.cells), "")
        yield from (f"- {markdown_text(line)}" for line in front.beaten)
        yield ""


def _folded(numbers: Grid) -> Iterator[str]:
    if numbers.rows:
        yield from (
            "",
            f"<details><summary>{html(numbers.caption)}</summary>",
            "",
            *_table(numbers),
            "",
            "</details>",
        )


def _table(numbers: Grid) -> Iterator[str]:
    yield markdown_row(numbers.labels)
    yield f"|{'|'.join('--:' if numeric else '---' for numeric in numbers.numeric)}|"
    for row in numbers.rows:
        yield markdown_row(entry.text for entry in row)
