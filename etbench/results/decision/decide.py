"""What to ship: of each model, the cell with the best objective among those that keep the bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from etbench.config.command import shell_words
from etbench.errors import nearest
from etbench.exit_status import FAILED, OK, UNDECIDED
from etbench.results.comparison.advice import MOST_ROUNDS, overrides_for, seconds_per_round
from etbench.results.decision.candidates import (
    Candidate,
    Ratio,
    identity,
    is_measured,
    latest_cells,
    optimal_cells,
    ratios,
    with_fp32,
)
from etbench.results.decision.evidence import Check, check_bound
from etbench.results.decision.figures import (
    ACCURACY,
    accuracy_names,
    direction,
    figure,
    judged_items,
    shared_items,
)
from etbench.results.decision.rules import Rules
from etbench.results.schema import Result
from etbench.results.tables.metrics import METRIC

__all__ = ["WANTED", "Answer", "Choice", "RuledOut", "decide", "exit_status", "has_choice"]

WRONG = 0.05  # chance that any model gets a cell called fastest that is not
CLOSE = 1.05  # cells whose latencies differ by less, with confidence, are as fast as each other
MEASURED = ("ok", "wrong")
MIXED = ("blocks", "min_sqnr_db")  # of a precision, which put them into its name
WANTED = ("pte_bytes", "peak_memory_bytes", "sqnr_db")

Kind = Literal["ship", "too close", "accuracy unknown", "no cell"]


class Choice(Struct, frozen=True, kw_only=True):
    """A cell with the figures that decide: times in ms, sizes in bytes.

    `items` are the numbers of items of which an accuracy is the share that is right, where that is known.
    `times_fp32` is how many times as fast it is as fp32 on the same delegate (or as the fastest fp32 cell),
    `times_ship` as the recommended cell.
    """

    cell: str
    precision: str
    delegate: str
    value: float
    latency_p50_ms: float
    low_ms: float | None
    high_ms: float | None
    figures: dict[str, float | None]
    accuracy: dict[str, float | None]
    items: dict[str, int] = {}
    times_fp32: Ratio | None = None
    times_ship: Ratio | None = None
    trust: str = ""


class RuledOut(Struct, frozen=True, kw_only=True):
    """A cell that is not considered, and why: bounds that it breaks, or how it ended if not `measured`."""

    cell: str
    why: str
    measured: bool = True


class Answer(Struct, frozen=True, kw_only=True):
    """What to ship of one model in one setting (conditions such as threads or the machine).

    `ship` is null unless `answer` is ``ship``. `candidates` keep all bounds that can be checked, the best
    first; if the accuracy is unknown, they are those that no other one beats in latency, SQNR and size.
    `close` are the first and those that may be better: too little is known to tell. `settle` is a command
    that measures them for longer, without those for which more rounds decide nothing. `unclear` are those of
    them that may break a bound, with the figures; if there are any, `safe` is the best cell that is known to
    keep all bounds. `notes` explain what the answer rests on.
    """

    setting: str
    answer: Kind
    ship: Choice | None = None
    runner_up: Choice | None = None
    candidates: list[Choice] = []
    close: list[str] = []
    safe: Choice | None = None
    ruled_out: list[RuledOut] = []
    settle: str | None = None
    unclear: dict[str, str] = {}
    notes: list[str] = []


class _Contest(Struct, frozen=True, kw_only=True):
    """The cells of one setting: those that keep the bounds, the best first, and those that are out."""

    setting: str
    ordered: list[Candidate]
    undecided: dict[str, list[Check]]  # the open checks of those that have any, by their name
    out: list[RuledOut]
    withheld: str | None = None


def decide(
    results: Iterable[Result],
    rules: Rules,
    *,
    baseline: Iterable[Result] = (),
    files: Sequence[Path] | None = None,
) -> list[Answer]:
    """Return an answer for each model and setting, in the order of their names.

    A cell is recommended only if it is significantly faster than each of the others that keep the bounds
    (95 % for all models together), or shown to be as fast as they are within 5 %. Cells that are wrong are
    never recommended. If a cell was measured several times, the latest result counts.

    Args:
        results: of one or several sweeps, with their findings.
        rules: what to optimize and what must hold.
        baseline: earlier results, for bounds relative to the baseline.
        files: those of the results, for the names of cells that were measured several times.

    """
    before = {identity(cell.result): cell for cell in latest_cells(baseline)}
    cells = with_fp32(latest_cells(results, files))
    groups: dict[str, list[Candidate]] = {}
    for cell in cells:
        with_baseline = msgspec.structs.replace(cell, baseline=before.get(identity(cell.result)))
        groups.setdefault(cell.row["setting"], []).append(with_baseline)
    contests = [_contest(setting, group, rules) for setting, group in sorted(groups.items())]
    close = _close(contests, rules)
    ahead = {
        contest.setting: contest.ordered[0]
        for contest in contests
        if contest.ordered and not close[contest.setting] and not contest.withheld
    }
    pairs = [
        (cell, ahead[one.setting]) for one in contests if one.setting in ahead for cell in one.ordered[1:]
    ]
    to_ship = {cell.name: ratio for (cell, _), ratio in zip(pairs, ratios(pairs), strict=True)}
    optimal = optimal_cells(cells) if any(contest.withheld for contest in contests) else set()
    return [_answer(contest, close[contest.setting], to_ship, optimal, rules) for contest in contests]


def has_choice(results: Iterable[Result]) -> bool:
    """Return whether a model has several measured cells, or several models have judged the same items."""
    measured = [result for result in results if result.status in MEASURED]
    cells = {(result.model_name, result.precision_short, result.delegate) for result in measured}
    return len(cells) > len({result.model_name for result in measured}) or bool(shared_items(measured))


def exit_status(answers: Sequence[Answer]) -> int:
    """Return 1 if a model has no cell that keeps the bounds, 4 if an answer is withheld, else 0."""
    kinds = {answer.answer for answer in answers}
    if "no cell" in kinds or not answers:
        return FAILED
    return OK if kinds == {"ship"} else UNDECIDED


def _contest(setting: str, group: Sequence[Candidate], rules: Rules) -> _Contest:
    """Check the bounds of the cells of a setting."""
    out = [
        RuledOut(cell=cell.name, why=_why_not(cell, rules), measured=cell.result.status in MEASURED)
        for cell in group
        if not _has_value(cell, rules)
    ]
    measured = [cell for cell in group if _has_value(cell, rules)]
    withheld = _accuracy_unknown(measured, rules)
    bounds = [one for one in rules.bounds if not (withheld and one.name.startswith(ACCURACY))]
    kept, undecided = [], {}
    for cell in measured:
        checks = [check for bound in bounds for check in check_bound(bound, cell)]
        if failed := [check.words for check in checks if check.outcome in ("broken", "missing")]:
            out.append(RuledOut(cell=cell.name, why="; ".join(failed)))
            continue
        kept.append(cell)
        if unclear := [check for check in checks if check.outcome == "undecided"]:
            undecided[cell.name] = unclear
    sign = -1 if direction(rules.objective) == "higher" else 1
    kept.sort(key=lambda cell: sign * (figure(cell.result, rules.objective) or 0.0))
    return _Contest(setting=setting, ordered=kept, undecided=undecided, out=out, withheld=withheld)


def _has_value(cell: Candidate, rules: Rules) -> bool:
    return is_measured(cell) and figure(cell.result, rules.objective) is not None


def _why_not(cell: Candidate, rules: Rules) -> str:
    if is_measured(cell):
        return f"{rules.objective} is unknown"
    return f"{cell.result.status}: {cell.result.why_not}"


def _accuracy_unknown(measured: Sequence[Candidate], rules: Rules) -> str | None:
    """Return why the accuracy that the rules ask for is unknown, or None."""
    if not rules.accuracies or not measured:
        return None
    if any(cell.has_random_weights for cell in measured):
        return "accuracy unknown: the weights are random"
    results = [cell.result for cell in measured]
    if any(accuracy_names(results, name) for name in rules.accuracies):
        return None
    given = {f"{ACCURACY}{name}": None for result in results for name in result.evaluation or {}}
    unknown = [name for name in rules.accuracies if "*" not in name]
    if given and unknown:
        return f"accuracy unknown: there is no figure {unknown[0]}{nearest(unknown[0], given)}"
    if given:
        return (
            f"accuracy unknown: the accuracy function returns {', '.join(given)} only, where less is better; "
            f"bound it by its name, such as --bound '{next(iter(given))}<=…'"
        )
    return "accuracy unknown: no accuracy function was given (evaluate=…)"


def _close(contests: Sequence[_Contest], rules: Rules) -> dict[str, list[str]]:
    """Return for each setting the cells that may be better than the first one, and that one; often none.

    To be faster than all others a cell must win each comparison, which needs no correction (the
    intersection-union test: Berger, Technometrics 24, 1982); that there are several settings does
    (Bonferroni). Only the median latency varies so much from run to run that its interval counts.
    """
    families = max(1, sum(len(contest.ordered) > 1 for contest in contests))
    close: dict[str, list[str]] = {contest.setting: [] for contest in contests}
    pairs = [
        (contest.setting, contest.ordered[0], cell)
        for contest in contests
        if rules.objective == METRIC and not contest.withheld
        for cell in contest.ordered[1:]
    ]
    found = ratios([(first, cell) for _, first, cell in pairs], confidence=1 - WRONG / families)
    for (setting, _, cell), ratio in zip(pairs, found, strict=True):
        if not (ratio.low > 1 or (ratio.low > 1 / CLOSE and ratio.high < CLOSE)):
            close[setting].append(cell.name)
    for contest in contests:
        first = contest.ordered[0].name if contest.ordered else None
        if first and (close[contest.setting] or first in contest.undecided):
            close[contest.setting].insert(0, first)
    return close


def _answer(
    contest: _Contest, close: list[str], to_ship: dict[str, Ratio], optimal: set[str], rules: Rules
) -> Answer:
    cells = contest.ordered
    if not cells:
        return Answer(setting=contest.setting, answer="no cell", ruled_out=contest.out)
    if contest.withheld:
        front = [cell for cell in cells if cell.name in optimal] or cells
        return Answer(
            setting=contest.setting,
            answer="accuracy unknown",
            candidates=[_choice(cell, rules) for cell in front],
            ruled_out=contest.out,
            notes=[contest.withheld],
        )
    choices = [_choice(cell, rules, to_ship.get(cell.name)) for cell in cells]
    undecided = contest.undecided
    unclear = {
        name: "; ".join(check.words for check in undecided[name]) for name in close if name in undecided
    }
    safe = [one for one in choices if one.cell not in undecided]
    lacking = {name for name, checks in undecided.items() if any(check.lacks_items for check in checks)}
    to_time = [cell for cell in cells if cell.name in close and cell.name not in lacking]
    return Answer(
        setting=contest.setting,
        answer="too close" if close else "ship",
        ship=None if close else choices[0],
        runner_up=choices[1] if len(choices) > 1 and not close else None,
        candidates=choices,
        close=close,
        safe=safe[0] if unclear and safe else None,
        ruled_out=contest.out,
        settle=_settle(to_time) if len(to_time) > 1 else None,
        unclear=unclear,
        notes=[
            *_notes(cells, rules),
            *([] if close or rules.objective != METRIC else _assumed(cells, to_ship)),
        ],
    )


def _choice(cell: Candidate, rules: Rules, to_ship: Ratio | None = None) -> Choice:
    result = cell.result
    value = figure(result, rules.objective)
    assert value is not None
    return Choice(
        cell=cell.name,
        precision=result.precision_short,
        delegate=result.delegate,
        value=value,
        latency_p50_ms=float(cell.row[METRIC]),
        low_ms=figure(result, "latency_ci95_low_ms"),
        high_ms=figure(result, "latency_ci95_high_ms"),
        figures={name: figure(result, name) for name in WANTED},
        accuracy={name: figure(result, name) for name in accuracy_names([result])},
        items={name: items for name in accuracy_names([result]) if (items := judged_items(result, name))},
        times_fp32=cell.to_fp32,
        times_ship=to_ship,
        trust=result.uncertain,
    )


def _assumed(cells: Sequence[Candidate], to_ship: Mapping[str, Ratio]) -> Iterator[str]:
    """Name the cells that the recommended one is faster than without rounds that show it."""
    names = [one.name for one in cells if one.name in to_ship and not to_ship[one.name].interleaved]
    if names:
        yield (
            f"there is no interval against {', '.join(names)} (not interleaved, or too few rounds): the "
            "recommended cell is more than twice as fast"
        )


def _settle(rivals: Sequence[Candidate]) -> str | None:
    """Return a command that measures cells that are too close to call, interleaved and for longer.

    None if no single sweep has them all: those with a number of blocks in fp32, and those with a parity; or
    if one of them has all the rounds that a run may have.
    """
    results = [cell.result for cell in rivals]
    sections = [result.config.get("precision") or {} for result in results]
    mixed = {key: [section.get(key) or 0 for section in sections] for key in MIXED}
    mixed = {f"precision.{key}": values for key, values in mixed.items() if any(values)}
    if len(mixed) > 1:
        return None
    axes = {
        "precision": dict.fromkeys(
            section.get("name", result.precision_short)
            for section, result in zip(sections, results, strict=True)
        ),
        "delegate": dict.fromkeys(result.delegate for result in results),
        **{key: dict.fromkeys(str(value or "null") for value in values) for key, values in mixed.items()},
    }
    if any(len(result.rounds) >= MOST_ROUNDS for result in results):
        return None
    rounds = min(MOST_ROUNDS, max(30, *(4 * len(result.rounds) for result in results)))
    longest = max(results, key=lambda result: seconds_per_round(result) or 0.0)
    repeat = overrides_for(rounds, longest, seconds_per_round(longest))
    given = {*axes, *repeat, "experiment"}
    kept = [one for one in results[0].command if one.partition("=")[0].lstrip("+") not in given]
    chosen = [f"{name}={','.join(values)}" for name, values in axes.items()]
    return shell_words(["-m", *kept, *chosen, *(f"{name}={value}" for name, value in repeat.items())])


def _notes(cells: Sequence[Candidate], rules: Rules) -> Iterator[str]:
    if not rules.accuracies:
        random = any(cell.has_random_weights for cell in cells)
        yield f"accuracy is not part of this decision{'; the weights are random' if random else ''}"
    results = [cell.result for cell in cells]
    names = {name for pattern in rules.accuracies for name in accuracy_names(results, pattern)}
    if apart := sorted(name for name in names if not all(judged_items(result, name) for result in results)):
        yield (
            f"{', '.join(apart)} is compared as a number, without an interval, since the accuracy function "
            "does not return which items are right (etbench.evaluate.PerItem)"
        )
    if rules.objective != METRIC:
        yield f"{rules.objective} is compared as measured, without an interval"
