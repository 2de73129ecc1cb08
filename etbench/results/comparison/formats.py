"""A comparison as JUnit XML and as GitHub's annotations, one test or line per cell.

Names and messages come from result files, so each format escapes them: they cannot end an element, a property
or a line.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from etbench.results.comparison.compare import Comparison
from etbench.results.schema import CellComparison
from etbench.text import printable

__all__ = ["Allowed", "CellOutcome", "github_annotations", "github_ignoring", "junit_xml", "outcomes"]

Outcome = Literal["wrong", "failed", "missing", "regression", "condition", "undecided", "passed", "new"]
TITLES: dict[Outcome, str] = {
    "wrong": "wrong result",
    "failed": "failed",
    "missing": "missing",
    "regression": "regression",
    "condition": "condition of --fail-if is met",
    "undecided": "undecided",
    "new": "not in the baseline",
}
UNJUDGED = ("undecided", "missing", "new")  # nothing about them is known to be bad


@dataclass(frozen=True)
class Allowed:
    """What does not fail the comparison."""

    missing: bool = False
    undecided: bool = False

    def fails(self, outcome: Outcome) -> bool:
        """Return whether an outcome sets an exit status other than 0."""
        if outcome in ("passed", "new"):
            return False
        return not ((outcome == "missing" and self.missing) or (outcome == "undecided" and self.undecided))


@dataclass(frozen=True)
class CellOutcome:
    """What became of one cell, why in words, and the time of an inference in ms if there is one."""

    name: str
    outcome: Outcome
    message: str
    ms: float | None = None


def outcomes(comparison: Comparison) -> list[CellOutcome]:
    """Return what became of each cell, in the order of `TITLES`, worst first; a cell may have several."""
    found = [
        *(CellOutcome(*_name_and_why(text, "wrong")) for text in comparison.wrong),
        *(CellOutcome(*_name_and_why(text, "failed")) for text in comparison.failing),
        *(CellOutcome(name, "missing", "only in the baseline") for name in comparison.only_base),
        *(
            CellOutcome(one.cell, "condition", f"{one.condition}: {one.message}")
            for one in comparison.violations
        ),
        *(CellOutcome(cell.name, cell.decision, _in_words(cell), cell.new_ms) for cell in comparison.cells),
        *(CellOutcome(name, "new", "only in the new results") for name in comparison.only_new),
    ]
    order = [*TITLES, "passed"]
    return sorted(found, key=lambda one: order.index(one.outcome))


def junit_xml(comparison: Comparison, allowed: Allowed) -> str:
    """Return a JUnit test suite with a test case per cell.

    A test fails where the comparison does; it is skipped if the cell is undecided, whether or not that is
    allowed, or if there is nothing to compare it with.
    """
    cells: dict[str, list[CellOutcome]] = {}
    for one in outcomes(comparison):
        cells.setdefault(one.name, []).append(one)
    suite = ElementTree.Element("testsuite", name="etbench compare", tests=str(len(cells)), errors="0")
    counts = {"failure": 0, "skipped": 0}
    for name, found in cells.items():
        case = ElementTree.SubElement(suite, "testcase", classname="etbench", name=_line(name))
        times = [one.ms for one in found if one.ms is not None]
        if times:
            case.set("time", f"{times[0] / 1e3:.9f}")
        kind = _junit_kind(found, allowed)
        if kind is None:
            ElementTree.SubElement(case, "system-out").text = printable(found[0].message)
            continue
        counts[kind] += 1
        bad = [one for one in found if one.outcome != "passed"]
        text = "\n".join(one.message for one in bad)
        what = ElementTree.SubElement(case, kind, message=_line(text))
        if kind == "failure":
            what.set("type", bad[0].outcome)
            what.text = printable(text)
    suite.set("failures", str(counts["failure"]))
    suite.set("skipped", str(counts["skipped"]))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def github_annotations(comparison: Comparison, allowed: Allowed) -> Iterator[str]:
    """Yield GitHub's workflow commands: errors for what fails, warnings for what is allowed, worst first."""
    for one in outcomes(comparison):
        if one.outcome == "passed":
            continue
        level = "error" if allowed.fails(one.outcome) else "notice" if one.outcome == "new" else "warning"
        title = _escaped(f"etbench: {TITLES[one.outcome]}").replace(":", "%3A").replace(",", "%2C")
        yield f"::{level} title={title}::{_escaped(f'{one.name}: {one.message}')}"


def github_ignoring(text: str) -> str:
    """Return a text whose lines GitHub prints and does not read as workflow commands."""
    token = uuid.uuid4().hex  # so that no line of the text can end it
    return f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::"


def _name_and_why(text: str, outcome: Outcome) -> tuple[str, Outcome, str]:
    name, _, why = text.partition(" (")
    return name, outcome, why.removesuffix(")")


def _in_words(cell: CellComparison) -> str:
    interval = "no interval" if cell.low is None else f"{cell.low:.3f} to {cell.high:.3f}"
    advice = f"; {cell.advice}" if cell.advice else ""
    return (
        f"{cell.new_ms:.4g} ms against {cell.base_ms:.4g} ms: {cell.verdict}, {cell.ratio:.3f} ({interval})"
        f"{advice}"
    )


def _junit_kind(found: list[CellOutcome], allowed: Allowed) -> Literal["failure", "skipped"] | None:
    """Return the element of a test case, or None if it passed."""
    for one in found:
        skips = one.outcome in UNJUDGED and (one.outcome != "missing" or allowed.missing)
        if one.outcome != "passed":
            return "skipped" if skips else "failure"
    return None


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Escape a message as `@actions/core` does."""
    return printable(text.replace("\r\n", "\n")).replace("%", "%25").replace("\n", "%0A")
