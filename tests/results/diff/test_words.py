"""A difference in words: what is named, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from etbench.measure.pass_results import Operator, Profile
from etbench.results.charts.waterfall import waterfall
from etbench.results.diff.difference import Difference, difference_of
from etbench.results.diff.profiled import Profiled, stored
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
    assert "with the same program: no part differs beyond the noise of 12 blocks" in answer(equal)
    other = msgspec.structs.replace(equal, same_program=False)
    assert "no part differs beyond the noise of 12 blocks" in answer(other)


def test_of_profiles_that_were_not_interleaved_the_noise_is_unknown_also_for_one_program(
    make_result: Callable[..., Result],
) -> None:
    profile = Profile(
        execute_ms=2.0, elsewhere_ms=0.5, inferences=9, operators=_profiled("delegated", 2.0).operators
    )
    sides = make_result(p50=10.0, profile=profile), make_result(p50=20.0, profile=profile)
    both = stored(sides[0]), stored(sides[1])
    assert both[0] is not None
    assert both[1] is not None
    found = difference_of(*sides, (both[0], both[1]), how="stored")
    assert found.same_program
    assert "no cause is named" in answer(found)
    assert "noise" not in answer(found)


def test_a_profile_of_an_emulator_is_not_compared(make_result: Callable[..., Result]) -> None:
    profile = Profile(execute_ms=2.0, elsewhere_ms=0.5, inferences=9, operators=[])
    result = make_result(profile=profile)
    facts = msgspec.structs.replace(result.environment, emulator="QEMU")
    assert stored(result) is not None
    assert stored(msgspec.structs.replace(result, environment=facts)) is None
