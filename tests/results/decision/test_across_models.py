"""Across models: the cells that no other one beats in latency and accuracy, on the same items."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from etbench.cli.main import main
from etbench.host.load import MachineLoad
from etbench.measure.pass_results import ItemAnswers
from etbench.results.decision.across_models import Front, across_models
from etbench.results.decision.decide import decide
from etbench.results.decision.rules import Rules
from etbench.results.files.store import write_result
from etbench.results.report.content import gather
from etbench.results.report.html import html_page
from etbench.results.report.markdown import markdown_comment
from etbench.results.schema import Result, RoundFacts

MakeResult = Callable[..., Result]
ITEMS = 4_000
QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)
FACTS: dict[str, Any] = {"started_s": 0, "load_ms": 1, "first_inference_ms": 1, "warmup": 1, "load": QUIET}
RULES = Rules.of("latency_p50_ms", None)


@pytest.fixture
def cell(make_result: MakeResult) -> MakeResult:
    """A function that makes a cell with trained weights, interleaved with the others; p50 in ms.

    The first `right` of the items are right, except for the first `other` ones.
    """

    def make(model: str, p50: float, right: int, *, other: int = 0, key: str = "a", **more: Any) -> Result:
        noise = np.random.default_rng(list(model.encode())).normal(0, 0.01, 30)
        correct = np.arange(ITEMS) < right
        correct[:other] = False
        items = ItemAnswers.of(correct, key * 64)
        return make_result(
            model,
            **{
                "weights": "pretrained",
                "turn_id": "one",
                "rounds": [[p50 * float(np.exp(one))] for one in noise],
                "round_facts": [RoundFacts(block=block, **FACTS) for block in range(30)],
                "evaluation": {"top1": items.share},
                "evaluation_items": {"top1": items},
            }
            | more,
        )

    return make


def _front(*cells: Result) -> Front:
    (front,) = across_models(cells, decide(cells, RULES))
    return front


def test_a_slower_and_less_accurate_model_is_beaten_and_a_trade_is_not(cell: MakeResult) -> None:
    front = _front(cell("small", 1.0, 3_000), cell("large", 10.0, 3_800), cell("old", 20.0, 2_800))
    assert (front.accuracy, front.items) == ("eval_top1", ITEMS)
    assert [one.cell for one in front.cells] == ["small fp32 xnnpack", "large fp32 xnnpack"]
    assert front.beaten == {"old fp32 xnnpack": "small fp32 xnnpack"}


def test_an_accuracy_that_is_lower_by_chance_beats_nothing_and_is_not_beaten(cell: MakeResult) -> None:
    """Both differ in many items, so that neither is shown to be within a point of the other."""
    front = _front(cell("one", 1.0, 3_000), cell("two", 2.0, 3_610, other=600))
    assert len(front.cells) == 2 and not front.beaten


def test_of_two_that_are_as_accurate_the_faster_one_beats_the_other(cell: MakeResult) -> None:
    front = _front(cell("one", 1.0, 3_000), cell("two", 2.0, 3_002))
    assert front.beaten == {"two fp32 xnnpack": "one fp32 xnnpack"}


def test_a_latency_that_is_not_known_well_enough_beats_nothing(cell: MakeResult) -> None:
    apart = cell("one", 1.0, 3_800, turn_id="another"), cell("two", 1.5, 3_000)
    assert not _front(*apart).beaten, "two runs may be a factor of two apart"
    assert _front(cell("one", 1.0, 3_800, turn_id="another"), cell("two", 2.5, 3_000)).beaten


def test_only_what_judged_the_same_items_on_the_same_machine_is_compared(cell: MakeResult) -> None:
    def fronts(*cells: Result) -> list[Front]:
        return across_models(cells, decide(cells, RULES))

    one, two = cell("one", 1.0, 3_800), cell("two", 2.0, 3_000)
    assert len(fronts(one, two)) == 1
    assert not fronts(one, cell("two", 2.0, 3_000, key="b"))
    assert not fronts(one, cell("one", 2.0, 3_000, precision="int8")), "one model"
    assert not fronts(one, cell("two", 2.0, 3_000, weights="random"))
    assert not fronts(one, msgspec.structs.replace(two, status="wrong"))
    fewer = ItemAnswers.of(np.ones(7, dtype=np.bool_), "a" * 64)
    assert not fronts(one, msgspec.structs.replace(two, evaluation_items={"top1": fewer})), "a damaged file"
    both = fronts(one, two, *(cell(name, 2.0, 3_000, key="b") for name in ("three", "four")))
    assert [{one.cell.split()[0] for one in front.cells} for front in both] == [{"one"}, {"three", "four"}]


def test_what_breaks_a_bound_is_not_on_the_front(cell: MakeResult) -> None:
    cells = [cell("one", 1.0, 3_000, pte_bytes=9_000_000), cell("two", 2.0, 3_100), cell("three", 3.0, 3_900)]
    answers = decide(cells, Rules.of("latency_p50_ms", {"pte_bytes": "<=5MB"}))
    (front,) = across_models(cells, answers)
    assert "one fp32 xnnpack" not in {one.cell for one in front.cells} | set(front.beaten)


def test_the_front_is_on_each_surface(
    cell: MakeResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [cell("small", 1.0, 3_000), cell("large", 10.0, 3_800), cell("old", 20.0, 2_800)]
    for one in cells:
        write_result(one, tmp_path, one.model_name)
    sentence = "the Pareto-optimal cells in latency and eval_top1, judged on the same 4,000 items"
    printed = {}
    for form in ("table", "markdown", "json"):
        assert main(["decide", str(tmp_path), "--format", form]) == 0
        printed[form] = capsys.readouterr().out
    for text in (printed["table"], printed["markdown"]):
        assert sentence in text and "old fp32 xnnpack is beaten by small fp32 xnnpack" in text
    (front,) = json.loads(printed["json"])["across_models"]
    assert [one["cell"] for one in front["cells"]] == ["small fp32 xnnpack", "large fp32 xnnpack"]
    report = gather(cells)
    for text in (markdown_comment(report), html_page(report)):
        assert sentence in text and "old fp32 xnnpack is beaten by small fp32 xnnpack" in text
