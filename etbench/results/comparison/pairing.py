"""Pair the results of one set with those of another, and list those without a partner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from etbench.config.env import env_words
from etbench.results.schema import Result
from etbench.results.schema.names import SAID, cell_words
from etbench.results.tables.varied import overrides_of, varied_words
from etbench.text import shape_text

__all__ = ["Pairing", "cell_name", "cell_settings", "is_same_cell", "is_summary", "pair_results"]

Key = tuple[str, ...]
Pair = tuple[Result, Result]
FAULTY = ("failed", "wrong")
UNKNOWN = {None, ""}  # what results of older versions lack
# Descriptions in a YAML, not requests.
ABOUT = ("recommended", "requires", "cannot", "runs_on", "executor", "converter_python")


class Pairing(Struct, frozen=True, kw_only=True):
    """Pairs of (baseline, new), and the measured cells that only one side has.

    `failing` are cells that the baseline measured and `new` could not: the new result has the reason.
    `faulty` are the other cells of `new` that failed or are wrong. For each cell of `new`, the newest result
    counts, whatever its status.
    """

    pairs: list[Pair]
    only_base: list[Result]
    only_new: list[Result]
    failing: list[Pair]
    faulty: list[Result]


def pair_results(base: Iterable[Result], new: Iterable[Result]) -> Pairing:
    """Pair the measured cells of two sets by model, precision, delegate, inputs and weights.

    Only the latest result of each cell is used. Several cells of one key, such as those of ``threads=1,2``,
    are distinguished by all options that they request, or else by threads and runner. If each side has one,
    they are paired even if they differ otherwise, such as in the interpreters of `env`; the comparison
    reports that. An imported summary has neither inputs nor weights, so it is paired by model, precision and
    delegate if nothing fits better.
    """
    all_new = _newest(new)
    only_base, only_new = _latest(base), _latest(all_new)
    pairs: list[Pair] = []
    for key in (_asked, _asked_anywhere, _key_and_way, _key, _short):
        fits = _has_summary if key is _short else None
        found = _alone_on_each_side(only_base, only_new, key, fits)
        pairs += found
        paired = {id(result) for pair in found for result in pair}
        only_base, only_new = (
            [result for result in side if id(result) not in paired] for side in (only_base, only_new)
        )
    only_base, only_new = (
        [result for result in only if not _superseded(result, [pair[number] for pair in pairs])]
        for number, only in enumerate((only_base, only_new))
    )
    failures = {key: result for result in all_new if result.status != "ok" for key in _loose_keys(result)}
    failing = {
        id(result): (result, failures[key])
        for result in only_base
        for key in _loose_keys(result)
        if key in failures
    }
    paired_faults = {id(result) for _, result in failing.values()}
    return Pairing(
        pairs=sorted(pairs, key=lambda pair: _asked(pair[1])),
        only_base=[result for result in only_base if id(result) not in failing],
        only_new=only_new,
        failing=list(failing.values()),
        faulty=[result for result in all_new if result.status in FAULTY and id(result) not in paired_faults],
    )


def is_summary(result: Result) -> bool:
    """Whether a result has a latency but no rounds, like an imported one."""
    return result.latency_ms is not None and not result.rounds


def is_same_cell(result: Result, other: Result) -> bool:
    """Whether two results are of one cell: all that they request is equal, except how often."""
    return _short(result) == _short(other) and _asked(result) == _asked(other)


def cell_name(result: Result, setting: str = "") -> str:
    """Model, its setting from `cell_settings` if it has one, precision and delegate."""
    return cell_words(*_short(result), setting)


def cell_settings(results: Sequence[Result]) -> dict[int, str]:
    """Return, by `id`, what distinguishes each result from others of its model, precision and delegate.

    These are the inputs, weights, threads, runner, runtime, quantization, interpreters and overrides in which
    they differ, or the cell's id; empty for the only result of its name.
    """
    alike: dict[Key, list[Result]] = defaultdict(list)
    for result in results:
        alike[_short(result)].append(result)
    return {id(result): _told_apart(result, alike[_short(result)]) for result in results}


def _told_apart(result: Result, alike: Sequence[Result]) -> str:
    """Return what distinguishes a result; what is not known of a failed one does not rename the others."""
    if len(alike) == 1:
        return ""
    varied = varied_words([_short(one) for one in alike], [overrides_of(one.command) for one in alike])
    words = {id(one): ", ".join(filter(None, both)) for one, both in zip(alike, varied, strict=True)}
    others = alike if result.artifact is None else [one for one in alike if one.artifact is not None]
    asked = [(words[id(one)], *_conditions(one).items()) for one in others]
    own = _conditions(result)
    values = {name: {_conditions(one)[name] for one in others} - UNKNOWN for name in own}
    differing = [name for name in own if len(values[name]) > 1 and own[name] not in UNKNOWN]
    told = [words[id(result)], *(SAID[name].format(own[name]) for name in differing)]
    if len(set(asked)) < len(others):
        told.append(result.cell_id)
    return ", ".join(filter(None, told))


def _conditions(result: Result) -> dict[str, Any]:
    environment = result.environment
    return {
        "inputs": _shapes(result),
        "weights": result.weights,
        "threads": environment.threads,
        "runner": environment.runner,
        "runtime": environment.runtime_words,
        "quantization": result.artifact.quantization if result.artifact else "",
        "env": env_words(result.config),
    }


def _alone_on_each_side(
    bases: Sequence[Result],
    news: Sequence[Result],
    key: Callable[[Result], Key],
    fits: Callable[[Pair], bool] | None,
) -> list[Pair]:
    """Pair the results of which each side has only one with this key."""
    sides: list[dict[Key, list[Result]]] = [defaultdict(list), defaultdict(list)]
    for side, results in zip(sides, (bases, news), strict=True):
        for result in results:
            side[key(result)].append(result)
    found = [
        (sides[0][same][0], sides[1][same][0])
        for same in sides[0].keys() & sides[1].keys()
        if len(sides[0][same]) == len(sides[1][same]) == 1
    ]
    return [pair for pair in found if fits is None or fits(pair)]


def _superseded(result: Result, paired: Sequence[Result]) -> bool:
    """Whether it is an older result of a cell that was paired, not another cell of the same sweep."""
    return any(
        _key(other) == _key(result)
        and _way(other) == _way(result)
        and env_words(other.config) == env_words(result.config)
        and other.created_at > result.created_at
        and (other.turn_id is None or other.turn_id != result.turn_id)
        for other in paired
    )


def _way(result: Result) -> tuple[str, str]:
    return str(result.config.get("threads")), result.environment.runner


def _key_and_way(result: Result) -> Key:
    return (*_key(result), *_way(result))


def _has_summary(pair: Pair) -> bool:
    return any(map(is_summary, pair))


def _latest(results: Iterable[Result]) -> list[Result]:
    """Return the newest measured result of each cell."""
    measured = [result for result in results if result.status == "ok" and result.latency_ms is not None]
    newest = {_asked(result): result for result in sorted(measured, key=lambda result: result.created_at)}
    return [newest[key] for key in sorted(newest)]


def _newest(results: Iterable[Result]) -> list[Result]:
    """Leave out what a newer result of the same request replaced, also if that one was not measured."""
    by_time = sorted(results, key=lambda result: (result.created_at, result.status in FAULTY))
    requests = [_request(result) for result in by_time]
    newest = dict(zip(requests, by_time, strict=True))
    return [
        result
        for result, request in zip(by_time, requests, strict=True)
        if newest[request] is result or (result.status == "ok" and newest[request].status == "ok")
    ]


def _asked(result: Result) -> Key:
    """Return all that a cell requests, except how often it is measured, and what it was given."""
    return (*_key(result), *_request(result))


def _asked_anywhere(result: Result) -> Key:
    """Return all that a cell requests, except which interpreters build and run it."""
    return (*_key(result), *_request(result)[:-1])


def _request(result: Result) -> Key:
    parts = [_without_words(result.config.get(name)) for name in ("model", "precision", "delegate")]
    asked = [*parts, *_way(result), result.config.get("calibration")]
    words = msgspec.json.encode(asked, order="sorted").decode()
    return (*_short(result), words, env_words(result.config))


def _without_words(part: Any) -> Any:
    return {key: part[key] for key in part if key not in ABOUT} if isinstance(part, dict) else part


def _key(result: Result) -> Key:
    return (*_short(result), _shapes(result), result.weights)


def _shapes(result: Result) -> str:
    inputs = result.artifact.inputs if result.artifact else []
    return " ".join(shape_text(spec.shape) for spec in inputs)


def _short(result: Result) -> tuple[str, str, str]:
    return (result.model_name, result.precision_short, result.delegate)


def _loose_keys(result: Result) -> tuple[Key, Key]:
    """Return the keys by which a result without a latency, whose inputs are unknown, can be found."""
    return (result.cell_id,), _short(result)
