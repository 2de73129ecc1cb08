"""Bounds and filters as users write them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from etbench.errors import EtbenchError
from etbench.results.decision.bounds import parse_bound
from etbench.results.decision.where import matching
from etbench.results.schema import Result

MakeResult = Callable[..., Result]


@pytest.mark.parametrize(
    ("name", "text", "reference", "limit"),
    [
        ("sqnr_db", ">=20", 0.0, 20.0),
        ("sqnr_db", ">= 20 dB", 0.0, 20.0),
        ("pte_bytes", "<=20MB", 0.0, 20e6),
        ("peak_memory_bytes", "<2MiB", 0.0, 2 * 2**20),
        ("latency_p50_ms", "<=500us", 0.0, 0.5),
        ("eval_top1", ">=75%", 0.0, 0.75),
        ("eval_top1", ">=-0.5pp vs fp32", 0.8, 0.795),
        ("latency_p50_ms", "<=0.5x vs fp32", 8.0, 4.0),
        ("latency_p50_ms", "<=+10% vs baseline", 10.0, 11.0),
        ("pte_bytes", "<=+1MB vs baseline", 5e6, 6e6),
        ("latency_ms.p50", "<=3", 0.0, 3.0),
    ],
)
def test_a_bound_has_a_limit_in_the_unit_of_its_figure(
    name: str, text: str, reference: float, limit: float
) -> None:
    bound = parse_bound(name, text)
    assert bound.limit(reference) == pytest.approx(limit)
    assert bound.keeps(limit, limit) == ("=" in text)
    below, above = bound.keeps(limit - 1e-3, limit), bound.keeps(limit + 1e-3, limit)
    assert (below, above) == ((True, False) if text.startswith("<") else (False, True))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("sqnr", ">=20", "did you mean 'sqnr_db'?"),
        ("sqnr_db", 20, 'write ">=20" for the smallest value'),
        ("sqnr_db", "20", "write a bound such as"),
        ("sqnr_db", ">=20 vs int8", "relative to fp32 or baseline, not to 'int8'"),
        ("pte_bytes", "<=20ms", "its units are B, kB"),
        ("eval_top1", ">=-1% vs fp32", "'>=-1pp vs fp32'"),
        ("eval_top1", ">= -5 pp", "write '>= -5 pp vs fp32' for a change against fp32"),
        ("eval_top1", ">=-5%", "write '>=-5% vs fp32' for a change against fp32"),
        ("sqnr_db", ">=0.5x", "its units are dB"),
    ],
)
def test_a_bound_that_cannot_be_read_names_the_remedy(name: str, text: str | float, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_bound(name, text)


@pytest.fixture
def cells(make_result: MakeResult) -> list[Result]:
    """Three cells of resnet18 and one of gpt2 whose accuracy is known."""
    return [
        make_result(p50=10.0, pte_bytes=40_000_000),
        make_result(precision="int8", p50=4.0, pte_bytes=10_000_000, sqnr_db=15.0),
        make_result(precision="int8", delegate="portable", p50=900.0, sqnr_db=15.0),
        make_result("gpt2", evaluation={"top1": 0.5}, truncated=True),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("precision=int8", [1, 2]),
        ("precision=int8 and latency_p50_ms<100", [1]),
        ("pte_bytes>=20MB", [0]),
        ("model=res*,none and delegate!=portable", [0, 1]),
        ("eval_top1>=50%", [3]),
        ("truncated=true", [3]),
        ("sqnr_db!=15", [0, 3]),
    ],
)
def test_a_filter_leaves_the_cells_that_meet_all_terms(
    text: str, found: list[int], cells: list[Result]
) -> None:
    assert matching(text, cells) == [cells[place] for place in found]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("precisio=int8", "did you mean 'precision'?"),
        ("int8", "write one such as"),
        ("precision<int8", "compare it with = or !="),
        ("sqnr_db<many", "'many' is not a value of sqnr_db"),
        ("precision=fp64", "no cell meets"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(text: str, words: str, cells: list[Result]) -> None:
    with pytest.raises(EtbenchError) as caught:
        matching(text, cells)
    assert words in caught.value.message
