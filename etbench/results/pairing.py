"""Which result of one set belongs to which of another, and which have no partner."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from etbench.results.schema import Result

__all__ = ["Pairing", "cell_name", "is_summary", "pair_results"]

Key = tuple[str, ...]


class Pairing(Struct, frozen=True, kw_only=True):
    """Pairs of (base, new), and the measured cells that only one side has.

    `failing` are those of base that new has too, but without figures: the result of new that says why.
    """

    pairs: list[tuple[Result, Result]]
    only_base: list[Result]
    only_new: list[Result]
    failing: list[tuple[Result, Result]]


def pair_results(base: Iterable[Result], new: Iterable[Result]) -> Pairing:
    """Pair the measured cells of two sets by model, precision, delegate, inputs and weights.

    Each cell counts with its latest result. An imported summary knows neither inputs nor weights, so it is
    paired by model, precision and delegate where nothing fits better.
    """
    all_new = list(new)
    bases, news = _latest(base), _latest(all_new)
    both = sorted(bases.keys() & news.keys())
    pairs = [(bases.pop(key), news.pop(key)) for key in both]
    loose = {_short(result): key for key, result in news.items()}
    for key, result in sorted(bases.items()):
        other = loose.get(_short(result))
        if other in news and (is_summary(result) or is_summary(news[other])):
            pairs.append((bases.pop(key), news.pop(other)))
    failures = {key: result for result in all_new if result.status != "ok" for key in _loose_keys(result)}
    only_base = [bases[key] for key in sorted(bases)]
    failing = {
        id(result): (result, failures[key])
        for result in only_base
        for key in _loose_keys(result)
        if key in failures
    }
    return Pairing(
        pairs=pairs,
        only_base=[result for result in only_base if id(result) not in failing],
        only_new=[news[key] for key in sorted(news)],
        failing=list(failing.values()),
    )


def is_summary(result: Result) -> bool:
    """Whether a result has figures but no rounds, as an imported one."""
    return result.latency_ms is not None and not result.rounds


def cell_name(result: Result) -> str:
    """Model, precision and delegate."""
    return " ".join(_short(result))


def _latest(results: Iterable[Result]) -> dict[Key, Result]:
    """Return the newest measured result of each cell."""
    measured = [result for result in results if result.status == "ok" and result.latency_ms is not None]
    return {_key(result): result for result in sorted(measured, key=lambda result: result.created_at)}


def _key(result: Result) -> Key:
    inputs = result.artifact.inputs if result.artifact else []
    shapes = " ".join("x".join(map(str, spec.shape)) for spec in inputs)
    return (*_short(result), shapes, result.weights)


def _short(result: Result) -> Key:
    return (result.model_name, result.precision_short, result.delegate)


def _loose_keys(result: Result) -> tuple[Key, Key]:
    """Return what a result without figures, whose inputs are unknown, can be found by."""
    return (result.cell_id,), _short(result)
