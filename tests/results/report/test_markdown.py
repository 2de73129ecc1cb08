"""The comment for a pull request."""

from __future__ import annotations

import re
from collections.abc import Callable

from report_cells import steady

from etbench.results.report import gather, markdown_comment
from etbench.results.schema import Result


def test_it_has_the_words_of_the_page(everything: list[Result]) -> None:
    report = gather(everything, title="nightly", left_out=["x.json: no valid JSON"])
    text = markdown_comment(report)
    assert text.startswith("### etbench: nightly\n\n7 of 9 cells were measured")
    assert "- 🔴 **Failed:** gpt2 int8 xnnpack: at stage lower: no such op\n" in text
    assert "\n**Files left out**\n\n- x.json: no valid JSON\n" in text
    for point in report.summary.points:
        assert f"**{point.title}:**" in text


def test_a_name_is_neither_html_nor_a_table(everything: list[Result]) -> None:
    text = markdown_comment(gather(everything))
    assert "<script" not in text
    assert "<img" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, "a name broke the table"


def test_the_ranking_is_as_long_as_asked(make_result: Callable[..., Result]) -> None:
    cells = [make_result(precision=f"p{number}", p50=1.0 + number) for number in range(5)]
    text = markdown_comment(gather(cells, top=3))
    assert "**The 3 cells with the lowest median latency**" in text
    assert "| 3 | resnet18 | p2 | xnnpack | 3 |" in text
    assert "| 4 | resnet18 | p3" not in text
    known = gather([make_result(rounds=steady(4.0)), make_result("gpt2", rounds=steady(9.0))]).ranking
    assert known.labels[4:7] == ["p50 ms", "95 % from", "to"], "an order is shown with its intervals"
