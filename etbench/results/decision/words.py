"""A decision in words: as rows of a table, as lines, and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from etbench.escaping import markdown_row, markdown_text
from etbench.results.decision.across_models import Front
from etbench.results.decision.candidates import Ratio
from etbench.results.decision.decide import Answer, Choice
from etbench.results.decision.figures import ACCURACY, direction, in_words
from etbench.results.decision.rules import Rules
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.numbers import data_size, db, half_width, number
from etbench.text import counted

__all__ = [
    "FRONT",
    "HEADER",
    "TEXTS",
    "FrontInWords",
    "decision_markdown",
    "decision_rows",
    "decision_table",
    "front_in_words",
    "headline",
    "remarks",
    "rules_in_words",
    "why_unknown",
]

HEADER = ("model", "ship", "p50 ms", "± %", "x fp32", "accuracy", "SQNR", "size", "memory", "runner-up")
FRONT = ("cell", "p50 ms", "± %", "accuracy", "SQNR", "size", "memory")
TEXTS = ("model", "ship", "cell", "runner-up")  # columns of words; the others are numbers
WITHHELD = {
    "too close": "too close to call",
    "accuracy unknown": "with unknown accuracy",
    "no cell": "without a cell that keeps the bounds",
}
ALIKE = 0.01  # ratios that differ by less are not mentioned
POINTS = 0.0005  # shares that differ by less are not mentioned
DB = 1.0  # SQNR that differs by less is not mentioned


class FrontInWords(Struct, frozen=True, kw_only=True):
    """A front: a sentence, the columns of `FRONT` in which there is anything, a row for each cell on it.

    `beaten` has a line about each cell that is not on it.
    """

    text: str
    columns: list[str]
    rows: list[list[str]]
    beaten: list[str]


def headline(answers: Sequence[Answer]) -> str:
    """Return the answer for one model, or for how many of several there is one."""
    if len(answers) == 1:
        (answer,) = answers
        if answer.ship is not None:
            return f"Ship {answer.ship.cell}."
        if not answer.candidates:
            return "No cell keeps the bounds."
        until = f" Until it is known, ship {answer.safe.cell}." if answer.safe else ""
        return f"{answer.setting}: {_withheld(answer)}.{until}"
    given = sum(answer.ship is not None for answer in answers)
    withheld = Counter(answer.answer for answer in answers if answer.ship is None)
    reasons = ", ".join(f"{counted(count, 'model')} {WITHHELD[why]}" for why, count in withheld.items())
    if not given:
        return f"No recommendation: {reasons}."
    return f"A recommendation for {given} of {len(answers)} models{f': {reasons}' if reasons else ''}."


def rules_in_words(rules: Rules) -> str:
    """Return what is optimized and what must hold, in one sentence."""
    most = "highest" if direction(rules.objective) == "higher" else "lowest"
    best = "The fastest cell" if rules.objective == METRIC else f"The cell with the {most} {rules.objective}"
    bounds = " and ".join(bound.in_words for bound in rules.bounds)
    return f"{best}{f' whose {bounds}' if bounds else ''}."


def decision_rows(answers: Sequence[Answer]) -> Iterator[tuple[str, ...]]:
    """Yield rows with the columns of `HEADER`: one for a cell to ship, or for each that is left to choose."""
    for answer in answers:
        if answer.ship is not None:
            up = answer.runner_up
            other = "" if up is None else f"{_pair(up)}: {trade_off(answer.ship, up)}"
            yield answer.setting, _pair(answer.ship), *_figures(answer.ship), other
            continue
        rivals = [one for one in answer.candidates if not answer.close or one.cell in answer.close]
        if not rivals:
            yield answer.setting, "no cell keeps the bounds", *[""] * (len(HEADER) - 2)
        for place, one in enumerate(rivals):
            first = (answer.setting, f"{_withheld(answer)}: {_pair(one)}")
            yield *(("", f"or {_pair(one)}") if place else first), *_figures(one), ""
        if answer.safe and answer.safe not in rivals:
            yield "", f"safe: {_pair(answer.safe)}", *_figures(answer.safe), ""


def decision_table(answers: Sequence[Answer]) -> tuple[list[str], list[list[str]]]:
    """Return the columns of `HEADER` in which there is anything, and their rows."""
    return _used(HEADER, list(decision_rows(answers)))


def _used(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the columns in which there is anything."""
    used = [place for place in range(len(header)) if any(row[place] for row in rows)]
    return [header[place] for place in used], [[row[place] for place in used] for row in rows]


def front_in_words(front: Front) -> FrontInWords:
    """Return a front as a sentence, a table and lines."""
    rows = []
    for one in front.cells:
        latency, half, _, accuracy, *rest = _figures(one)
        rows.append((one.cell, latency, half, accuracy, *rest))
    columns, rows_used = _used(FRONT, rows)
    return FrontInWords(
        text=f"Across models, the Pareto-optimal cells in latency and {front.accuracy}, "
        f"judged on the same {front.items:,} items.",
        columns=columns,
        rows=rows_used,
        beaten=[f"{cell} is beaten by {other}" for cell, other in front.beaten.items()],
    )


def _withheld(answer: Answer) -> str:
    """Return why there is no answer: cells are too close, or the only one left may break a bound."""
    return "not proven" if len(answer.close) == 1 else answer.answer


def _pair(choice: Choice) -> str:
    return f"{choice.precision} {choice.delegate}"


def _figures(choice: Choice) -> tuple[str, ...]:
    size, memory, sqnr = (choice.figures[name] for name in ("pte_bytes", "peak_memory_bytes", "sqnr_db"))
    return (
        number(choice.latency_p50_ms),
        _half_width(choice),
        _times(choice.times_fp32),
        _accuracy(choice),
        "" if sqnr is None else db(sqnr),
        "" if size is None else data_size(size),
        "" if memory is None else data_size(memory),
    )


def _half_width(choice: Choice) -> str:
    share = half_width(choice.low_ms, choice.high_ms)
    if share is None:
        return "?"
    return f"{100 * share:.2g}" if share < 1 else ">100"


def _times(ratio: Ratio | None) -> str:
    """Return how many times as fast a cell is, or what it may be if that is not even known to be 1."""
    if ratio is None:
        return ""
    if not ratio.interleaved:
        return f"{number(ratio.factor)} ± ?"
    if ratio.low > 1 or ratio.high < 1:
        return number(ratio.factor)
    return f"{number(ratio.low)} to {number(ratio.high)}"


def _accuracy(choice: Choice) -> str:
    known = {name: value for name, value in choice.accuracy.items() if value is not None}
    return ", ".join(
        f"{name.removeprefix(ACCURACY)} {in_words(name, value, share=name in choice.items)}"
        for name, value in known.items()
    )


def trade_off(ship: Choice, other: Choice) -> str:
    """Return what another cell costs and gives compared with the recommended one."""
    parts = [] if other.times_ship is None else [_slower(other.times_ship)]
    for name, value in other.accuracy.items():
        mine = ship.accuracy.get(name)
        if value is not None and mine is not None and abs(value - mine) >= POINTS:
            parts.append(f"{100 * (value - mine):+.2g} points {name.removeprefix(ACCURACY)}")
    here, there = ship.figures["sqnr_db"], other.figures["sqnr_db"]
    if not other.accuracy and here is not None and there is not None and abs(there - here) >= DB:
        parts.append(f"{there - here:+.0f} dB")
    here, there = ship.figures["pte_bytes"], other.figures["pte_bytes"]
    if here and there and abs(there / here - 1) > ALIKE:
        parts.append(f"{number(there / here)} times the size")
    return ", ".join(parts) or "no difference that was measured"


def _slower(ratio: Ratio) -> str:
    """Return how much slower a cell is, or how much it may be if that is not even known to be so."""
    times, low, high = ratio.inverse
    if not ratio.interleaved:
        return f"{number(times)} ± ? times as long"
    if low > 1 or high < 1:
        return _time_words(times)
    return " to ".join(dict.fromkeys((_time_words(low), _time_words(high))))


def _time_words(times: float) -> str:
    if abs(times - 1) < ALIKE:
        return "as fast"
    if times < 1:
        return f"{100 * (1 - times):.2g} % faster"
    return f"{100 * (times - 1):.2g} % slower" if times < 2 else f"{number(times)} times as long"


def why_unknown(answers: Sequence[Answer]) -> list[str]:
    """Return why the accuracy of every model is unknown, each reason once; nothing if one has an answer."""
    if any(answer.answer != "accuracy unknown" for answer in answers):
        return []
    return list(dict.fromkeys(note for answer in answers for note in answer.notes))


def remarks(answers: Sequence[Answer], *, unmeasured: bool = True) -> tuple[list[str], list[str]]:
    """Return what the table does not show: the notes, each once, and then lines about single models.

    These explain why an answer is withheld, what was ruled out, and by what. Cells that failed or were
    skipped are left out if they are not wanted (`unmeasured`).
    """
    notes = dict.fromkeys(note for answer in answers for note in answer.notes)
    return list(notes), [line for answer in answers for line in _lines(answer, unmeasured=unmeasured)]


def _lines(answer: Answer, *, unmeasured: bool) -> Iterator[str]:
    yield from (f"{cell} may break a bound: {figures}" for cell, figures in answer.unclear.items())
    if answer.safe:
        yield f"{answer.safe.cell} is the safe choice until then: it keeps all bounds"
    if answer.settle:
        yield f"to settle {answer.setting}: {answer.settle}"
    yield from (f"{one.cell} is out: {one.why}" for one in answer.ruled_out if unmeasured or one.measured)


def decision_markdown(answers: Sequence[Answer], rules: Rules, fronts: Sequence[Front] = ()) -> str:
    """Return the decision as Markdown, with all names escaped."""
    notes, about_models = remarks(answers)
    lines = [
        *(markdown_text(rules_in_words(rules)), ""),
        *_markdown_table(HEADER, decision_rows(answers)),
        *("", *_markdown_list((*notes, *about_models))),
    ]
    for front in fronts:
        shown = front_in_words(front)
        lines += ["", markdown_text(shown.text), "", *_markdown_table(shown.columns, shown.rows)]
        lines += ["", *_markdown_list(shown.beaten)]
    return "\n".join(lines)


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield markdown_row(header)
    yield f"|{'|'.join('---' if name in TEXTS else '--:' for name in header)}|"
    yield from (markdown_row(row) for row in rows)


def _markdown_list(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"- {markdown_text(line.strip())}" for line in lines)
