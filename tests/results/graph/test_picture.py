"""The picture of the parts: valid SVG, whose texts neither overlap nor leave it."""

from __future__ import annotations

from time import perf_counter
from xml.etree import ElementTree

import msgspec
import pytest
from playwright.sync_api import Browser

from etbench.artifact import Delegation, GraphOperator
from etbench.results.graph.picture import MOST_LANES, picture
from etbench.results.graph.program import program_graph
from etbench.results.report.content import gather
from etbench.results.report.html import html_page
from etbench.results.schema import Result

# The boxes of the texts that overlap another one, and of those outside of the picture.
OVERLAPS = """() => {
  const svg = document.querySelector("svg"), whole = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll("text")].map(one => [one.textContent, one.getBoundingClientRect()]);
  const beside = (a, b) => a.left >= b.right - 1 || b.left >= a.right - 1;
  const met = (a, b) => !beside(a, b) && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const out = box => box.left < whole.left || box.right > whole.right || box.bottom > whole.bottom;
  const bad = boxes.filter(([, box]) => out(box));
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++)
    if (met(boxes[i][1], boxes[j][1])) bad.push(boxes[i], boxes[j]);
  return bad.map(([text]) => text);
}"""


def _texts(svg: str) -> list[str]:
    return [
        "".join(one.itertext()).strip()
        for one in ElementTree.fromstring(svg).iter()
        if one.tag.endswith("text")
    ]


def _many(result: Result, count: int) -> Result:
    """Return a program that alternates between delegate and kernels, with long names and reasons."""
    name = f"library.{'an_operator_with_a_long_name_' * 4}.default"
    graph = [
        GraphOperator(
            name=f"{name}{position % 5}",
            node=f"node_{position}",
            module="m" * 90,
            subgraph=position // 2 if position % 2 else None,
            inputs=sorted({max(0, position - 1), position // 3} - {position}),
            precision="float32",
        )
        for position in range(count)
    ]
    assert result.artifact is not None
    delegation = Delegation(
        subgraphs=count // 2,
        delegated_nodes=count // 2,
        total_nodes=count,
        left_behind={},
        reasons={one.name: "for a long reason, " * 30 for one in graph},
    )
    artifact = msgspec.structs.replace(result.artifact, operators=graph, delegation=delegation)
    return msgspec.structs.replace(
        result, artifact=artifact, profile=None, model_name="a_model_with_a_long_name_" * 8
    )


def test_it_has_the_parts_their_times_shares_reasons_and_copies(profiled: Result) -> None:
    texts = _texts(picture(program_graph(profiled)))
    for words in ("xnnpack, subgraph 0, int8", "2.75 ms", "27.5%", "invalid dtype", "no rule for <cumsum>"):
        assert words in texts
    assert any("1 at a border" in text for text in texts)
    assert "copies and conversions, not in the graph" in texts
    assert texts.index("xnnpack, subgraph 0, int8") < texts.index("xnnpack, subgraph 1, int8")


def test_without_a_profile_it_has_no_times_and_says_how_to_measure_them(profiled: Result) -> None:
    texts = _texts(picture(program_graph(msgspec.structs.replace(profiled, profile=None))))
    assert not any(text.endswith((" ms", "%")) for text in texts)
    assert any("profile=true" in text for text in texts)


def test_three_hundred_operators_are_drawn_in_time_with_few_lanes(profiled: Result) -> None:
    graph = program_graph(_many(profiled, 300))
    begun = perf_counter()
    svg = picture(graph)
    assert perf_counter() - begun < 2
    ways = [one for one in ElementTree.fromstring(svg).iter() if one.get("class") == "way"]
    beside = {one.attrib["d"].split("H")[1].split("V")[0] for one in ways if "H" in one.attrib["d"]}
    assert 1 < len(beside) <= MOST_LANES


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", ["small", "many", "untimed", "slow"])
def test_no_text_overlaps_another_or_leaves_the_picture(
    kind: str, profiled: Result, browser: Browser
) -> None:
    assert profiled.profile is not None
    slow = msgspec.structs.replace(
        profiled.profile,
        execute_ms=99_999.0,
        operators=[msgspec.structs.replace(one, mean_ms=99_999.0 / 7) for one in profiled.profile.operators],
    )
    result = {
        "small": profiled,
        "many": _many(profiled, 60),
        "untimed": msgspec.structs.replace(profiled, profile=None),
        "slow": msgspec.structs.replace(profiled, profile=slow),
    }[kind]
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_content(picture(program_graph(result)))
    assert page.evaluate(OVERLAPS) == []
    page.close()


def test_the_report_has_it_folded_and_escaped_where_the_time_goes(profiled: Result) -> None:
    report = gather([profiled, msgspec.structs.replace(profiled, profile=None, cell_id="other")])
    (section,) = (one for one in report.sections if one.name == "operators")
    (drawing,) = section.drawings
    page = html_page(report)
    assert drawing.svg in page
    assert "no rule for &lt;cumsum&gt;" in drawing.svg
    assert f"<details><summary>{drawing.caption}</summary>" in page
