"""Operators of a cell together: by kind and by module, with shares and the speed of what is counted."""

from __future__ import annotations

import pytest

from etbench.measure.pass_results import Operator, Profile
from etbench.results.operator_summary import ELSEWHERE, UNKNOWN, summarize_operators


def _operator(name: str, kind: str, mean_ms: float, module: str = "", flops: int | None = None) -> Operator:
    return Operator(
        name=name, kind=kind, instruction=0, mean_ms=mean_ms, share=None, module=module, flops=flops
    )


PROFILE = Profile(
    execute_ms=10.0,
    elsewhere_ms=1.0,
    inferences=3,
    operators=[
        _operator("Convolution (NHWC, F32) IGEMM #1", "delegated", 2.0, "features.0.0", 4_000_000),
        _operator("convolution.out", "portable", 4.0, "features.1.conv.0", 2_000_000),
        _operator("Add (ND) #1", "delegated", 3.0, "features.1"),
    ],
)


def test_operators_of_one_kind_are_one_group_wherever_they_run() -> None:
    groups = summarize_operators(PROFILE)
    assert [(one.name, one.count, one.portable, one.share) for one in groups] == [
        ("convolution", 2, 1, 0.6),
        ("add", 1, 0, 0.3),
        (ELSEWHERE, 0, 0, 0.1),
    ]
    assert [one.cumulative for one in groups] == pytest.approx([0.6, 0.9, 1.0])
    assert groups[0].gflops_per_s == pytest.approx(1.0)
    assert groups[1].gflops_per_s is None, "an operator without a formula has no speed"


def test_operators_are_grouped_by_the_first_parts_of_their_module() -> None:
    groups = {one.name: one.mean_ms for one in summarize_operators(PROFILE, "module")}
    assert groups == {"features.1": 7.0, "features.0": 2.0, ELSEWHERE: 1.0}


def test_operators_of_older_results_have_no_module() -> None:
    old = Profile(execute_ms=1, elsewhere_ms=0, inferences=3, operators=[_operator("add.out", "portable", 1)])
    assert [one.name for one in summarize_operators(old, "module")] == [UNKNOWN]
