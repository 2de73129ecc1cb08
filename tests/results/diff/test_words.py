"""A difference in words: what is named, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from etbench.measure.pass_results import Operator
from etbench.results.charts.waterfall import waterfall
from etbench.results.diff.difference import Difference, difference_of
from etbench.results.diff.profiled import Profiled
from etbench.results.diff.words import answer, diff_markdown, remarks
from etbench.results.schema import Result

BLOCKS = 12


def _profiled(where: str, convolution_ms: float) -> Profiled:
    operators = [
        Operator(
            name=name,
            kind=kind,
            instruction=0,
            mean_ms=ms,
            share=None,
            graph_name=graph,
            module=module,
            shape=[1, 8],
        )
        for name, kind, ms, graph, module in (
            ("convolution", where, convolution_ms, "aten.convolution.default", "body.1"),
            ("Add (ND) #1", "delegated", 1.0, "aten.add.Tensor", "body"),
        )
    ]
    wobble = [1 + 0.001 * (number % 3) for number in range(BLOCKS)]
    return Profiled(
        operators=operators,
        latency_ms=[(convolution_ms + 1.5) * factor for factor in wobble],
        times_ms=[[convolution_ms * factor, 1.0] for factor in wobble],
        elsewhere_ms=[0.1] * BLOCKS,
    )


@pytest.fixture
def found(make_result: Callable[..., Result]) -> Difference:
    """A convolution that one delegate left behind."""
    a, b = make_result(), make_result(delegate="other")
    assert b.artifact
    b = msgspec.structs.replace(b, artifact=msgspec.structs.replace(b.artifact, sha256="1" * 64))
    return difference_of(a, b, (_profiled("delegated", 2.0), _profiled("portable", 9.0)), how="now")


def test_the_largest_cause_is_named_with_what_moved(found: Difference) -> None:
    assert [part.kind for part in found.causes] == ["convolution"]
    assert "first of all convolution (1 more on portable kernels in B, 1 in both), +7" in answer(found)
    moved = "convolution: aten.convolution.default body.1 2 to 9 ms (delegated to portable)"
    assert moved in list(remarks(found))
    text = diff_markdown(found)
    assert "first of all convolution" in text
    assert "| convolution (cause) | " in text
    (steps,) = waterfall(found).to_dict()["datasets"].values()
    shades = {one["part"]: one["shade"] for one in steps}
    assert shades["convolution"] == "a cause"
    assert shades["add"] == "not named as a cause"


def test_nothing_is_named_between_equal_programs(
    found: Difference, make_result: Callable[..., Result]
) -> None:
    same = _profiled("delegated", 2.0)
    equal = difference_of(make_result(), make_result(), (same, same), how="now")
    assert equal.same_program
    assert "nothing differs beyond the noise" in answer(equal)
    other = msgspec.structs.replace(equal, same_program=False)
    assert "no part differs beyond the noise of 12 blocks" in answer(other)
