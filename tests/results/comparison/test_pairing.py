"""Which results are pairs, when another interpreter built or ran them."""

from __future__ import annotations

from made_results import MakeResult

from etbench.results.comparison.pairing import cell_settings, pair_results
from etbench.results.schema import Result


def _pairs(base: list[Result], new: list[Result]) -> list[tuple[object, object]]:
    return [(old.config.get("env"), now.config.get("env")) for old, now in pair_results(base, new).pairs]


def test_one_on_each_side_is_a_pair_whatever_interpreter_ran_it(make_result: MakeResult) -> None:
    old, new = make_result(config={"env": {"python": "old"}}), make_result(config={})
    assert _pairs([old], [new]) == [({"python": "old"}, None)]


def test_cells_of_several_interpreters_are_paired_with_their_own(make_result: MakeResult) -> None:
    sides = [
        [make_result(config={"env": env}, turn_id=turn, cell_id=f"{env}") for env in ({"python": "old"}, {})]
        for turn in ("first", "second")
    ]
    assert _pairs(*sides) == [({}, {}), ({"python": "old"}, {"python": "old"})]
    assert list(cell_settings(sides[0]).values()) == ["old", "current"]
