"""What to ship, as the first part of a report."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from etbench.results.report.content import gather
from etbench.results.report.markdown import markdown_comment
from etbench.results.report.shipping import shipping
from etbench.results.schema import Result


def test_the_report_begins_with_the_answer(make_result: Callable[..., Result], failed: Result) -> None:
    cells = [
        make_result(p50=10.0, evaluation={"top1": 0.8}, weights="pretrained"),
        make_result(precision="int8", p50=1.0, evaluation={"top1": 0.7}, weights="pretrained"),
    ]
    cells = [
        msgspec.structs.replace(cell, config=cell.config | {"decision": {"bounds": None}}) for cell in cells
    ]
    part = shipping(cells)
    assert part.headline == "Ship resnet18 fp32 xnnpack."
    assert [entry.text for entry in part.answers.rows[0][:3]] == ["resnet18", "fp32 xnnpack", "10"]
    assert part.reasons == ["resnet18 int8 xnnpack is out: eval_top1 0.7, 0.8 in fp32; wanted >=-1pp vs fp32"]
    assert "**Ship resnet18 fp32 xnnpack.**" in markdown_comment(gather(cells))
    assert shipping([failed]) is None


def test_the_rules_are_those_of_the_sweep(make_result: Callable[..., Result]) -> None:
    rules = {"objective": "pte_bytes", "bounds": {"sqnr_db": ">=20"}}
    cells = [
        make_result(p50=1.0, pte_bytes=9_000, config={"decision": rules}),
        make_result(precision="int8", p50=9.0, pte_bytes=3_000, config={"decision": rules}),
    ]
    assert shipping(cells).headline == "Ship resnet18 int8 xnnpack."
