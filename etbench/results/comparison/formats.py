"""A comparison as Markdown, as JUnit XML, and as the annotations of a workflow run on GitHub.

Names and messages come from result files, so each format escapes them: none can end a line, a cell, an
element or a property.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from etbench.escaping import (
    github_message,
    github_property,
    markdown_bold,
    markdown_row,
    markdown_text,
    one_line,
    xml_text,
)
from etbench.results.comparison.compare import Comparison
from etbench.results.comparison.outcome import REASONS, Outcome, decision_counts, family_rule
from etbench.results.schema import CellComparison
from etbench.text import and_more

__all__ = ["beside_the_table", "github_annotations", "junit_xml", "markdown"]

NEW = "not in the baseline"
ORDER = (*REASONS, NEW, "passed")  # worst first
COLUMNS = ("cell", "baseline ms", "new ms", "new / baseline", "95 %", "decision", "verdict")
UNJUDGED = ("undecided", NEW)  # JUnit's tests that were skipped


@dataclass(frozen=True)
class _Row:
    """Something about one cell: a reason of `ORDER`, why, and the time of an inference if it has one."""

    cell: str
    reason: str
    message: str
    ms: float | None = None


def markdown(comparison: Comparison, outcome: Outcome) -> str:
    """Return the outcome, a table of the compared cells, and the remarks on them."""
    lines = [f"### etbench: {outcome.heading}", "", f"{decision_counts(comparison.cells)}.", ""]
    if comparison.cells:
        lines += [markdown_row(COLUMNS), "|---|--:|--:|--:|--:|---|---|"]
    for cell in comparison.cells:
        decision = markdown_bold(cell.decision) if cell.regression else cell.decision
        verdict = ": ".join(filter(None, [cell.words, cell.advice]))
        figures = (f"{cell.base_ms:.4g}", f"{cell.new_ms:.4g}", f"{cell.ratio:.3f}", cell.interval)
        lines.append(markdown_row((cell.name, *figures, decision, verdict)))
    if rule := family_rule(comparison.cells):
        lines.append(f"\n{rule}.")
    return "\n".join([*lines, *(f"\n- {markdown_text(line)}" for line in beside_the_table(comparison))])


def beside_the_table(comparison: Comparison) -> list[str]:
    """Return lines about what a table of the compared cells does not show."""
    lines = [
        f"{violation.condition}: {violation.cell}: {violation.message}" for violation in comparison.violations
    ]
    lines += [
        f"{cell.name} was interleaved with another baseline: {cell.measured_with}"
        for cell in comparison.cells
        if cell.measured_with
    ]
    lines += [f"why {cell}: {words}" for cell, words in comparison.why.items()]
    if same := [cell.name for cell in comparison.cells if cell.same_program]:
        lines.append(f"the same program as the baseline's: {and_more(same)}")
    for what, names in (
        ("failed", comparison.failing),
        ("wrong", comparison.wrong),
        ("no longer measured", comparison.not_measured),
        ("only in the baseline", comparison.only_base),
        ("only in new", comparison.only_new),
    ):
        if names:
            lines.append(f"{what}: {', '.join(map(str, names))}")
    return lines


def junit_xml(comparison: Comparison, outcome: Outcome) -> str:
    """Return a JUnit test suite with a test case per cell.

    A test fails for the reasons that set the exit status, but it is skipped if its cell is undecided: nothing
    is known against it. Its time is that of an inference.
    """
    cells: dict[str, list[_Row]] = {}
    for row in _rows(comparison):
        cells.setdefault(row.cell, []).append(row)
    suite = ElementTree.Element("testsuite", name="etbench compare", tests=str(len(cells)), errors="0")
    counts = {"failure": 0, "skipped": 0}
    for name, rows in cells.items():
        case = ElementTree.SubElement(suite, "testcase", classname="etbench", name=one_line(name))
        if times := [row.ms for row in rows if row.ms is not None]:
            case.set("time", f"{times[0] / 1e3:.9f}")
        text = "\n".join(row.message for row in rows)
        kind = _junit_kind(rows[0].reason, outcome)
        if kind is None:
            ElementTree.SubElement(case, "system-out").text = xml_text(text)
            continue
        counts[kind] += 1
        element = ElementTree.SubElement(case, kind, message=one_line(f"{rows[0].reason}: {rows[0].message}"))
        if kind == "failure":
            element.set("type", rows[0].reason)
            element.text = xml_text(text)
    suite.set("failures", str(counts["failure"]))
    suite.set("skipped", str(counts["skipped"]))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _junit_kind(reason: str, outcome: Outcome) -> Literal["failure", "skipped"] | None:
    if reason == "passed":
        return None
    return "skipped" if reason in (*UNJUDGED, *outcome.allowed) else "failure"


def github_annotations(comparison: Comparison, outcome: Outcome) -> Iterator[str]:
    """Yield workflow commands, worst first: errors for what sets the exit status, else warnings."""
    for row in _rows(comparison):
        if row.reason == "passed":
            continue
        level = "error" if row.reason in outcome.applies else "notice" if row.reason == NEW else "warning"
        title = github_property(f"etbench: {row.reason}")
        yield f"::{level} title={title}::{github_message(f'{row.cell}: {row.message}')}"


def _rows(comparison: Comparison) -> list[_Row]:
    """Return all that there is about each cell, worst first; a cell may have several rows."""
    missing = "only in the baseline"
    rows = [
        *(_Row(fault.cell, "failed", fault.why) for fault in comparison.failing),
        *(_Row(fault.cell, "wrong", fault.why) for fault in comparison.wrong),
        *(_Row(name, "missing", missing) for name in comparison.only_base),
        *(_Row(fault.cell, "missing", fault.why) for fault in comparison.not_measured),
        *(
            _Row(one.cell, "condition met", f"{one.condition}: {one.message}")
            for one in comparison.violations
        ),
        *(_Row(cell.name, cell.decision, _in_words(cell), cell.new_ms) for cell in comparison.cells),
        *(_Row(name, NEW, "only in the new results") for name in comparison.only_new),
    ]
    return sorted(rows, key=lambda row: ORDER.index(row.reason))


def _in_words(cell: CellComparison) -> str:
    figures = f"{cell.base_ms:.4g} to {cell.new_ms:.4g} ms, a ratio of {cell.ratio:.3f} ({cell.interval})"
    return ": ".join(filter(None, [figures, cell.words, cell.advice]))
