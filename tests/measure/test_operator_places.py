"""The operators of a profile, matched with those of the lowered graph."""

from __future__ import annotations

from etbench.artifact import GraphOperator
from etbench.measure.operator_places import with_places
from etbench.measure.pass_results import Operator, Profile

GRAPH = [
    GraphOperator(name="aten.cumsum.default", module="sum", shape=[1, 4]),
    GraphOperator(name="aten.convolution.default", module="a", shape=[1, 4, 2, 2], flops=8, subgraph=0),
    GraphOperator(name="aten.relu.default", module="b", subgraph=0),
    GraphOperator(name="aten.convolution.default", module="c", flops=6, subgraph=0),
    GraphOperator(name="aten.linear.default", module="d", flops=4, subgraph=1),
]


def _profile(*operators: tuple[str, str, int]) -> Profile:
    return Profile(
        execute_ms=1.0,
        elsewhere_ms=0.0,
        inferences=3,
        operators=[
            Operator(name=name, kind=kind, instruction=instruction, mean_ms=0.1, share=0.1)
            for name, kind, instruction in operators
        ],
    )


def test_operators_get_their_modules_though_some_are_fused_and_named_otherwise() -> None:
    profile = _profile(
        ("Fully Connected (NC, F32) GEMM #1", "delegated", 0),  # XNNPACK's name of a convolution of one pixel
        ("Convolution (NHWC, F32) IGEMM #1", "delegated", 0),
        ("call of the delegate", "delegate", 0),
        ("cumsum.out", "portable", 1),
        ("Fully Connected (NC, F32) GEMM #1", "delegated", 2),
        ("call of the delegate", "delegate", 2),
    )
    placed = with_places(profile, GRAPH).operators
    assert [one.module for one in placed] == ["a", "c", "", "sum", "d", ""]
    assert [one.flops for one in placed] == [8, 6, None, None, 4, None]
    assert (placed[0].graph_name, placed[0].shape) == ("aten.convolution.default", [1, 4, 2, 2])


def test_operators_of_which_the_graph_has_another_number_stay_without_a_place() -> None:
    profile = _profile(
        ("Convolution (NHWC, F32) IGEMM #1", "delegated", 0),
        ("cumsum.out", "portable", 1),
        ("Fully Connected (NC, F32) GEMM #1", "delegated", 2),
    )
    assert [one.module for one in with_places(profile, GRAPH).operators] == ["", "sum", "d"]


def test_a_graph_with_another_number_of_subgraphs_places_nothing() -> None:
    profile = _profile(("Convolution (NHWC, F32) IGEMM #1", "delegated", 0), ("cumsum.out", "portable", 1))
    assert with_places(profile, GRAPH) == profile
    assert with_places(profile, []) == profile
