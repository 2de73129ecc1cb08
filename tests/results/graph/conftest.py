"""A profiled int8 program of two subgraphs and what is between them, with known times."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from etbench.artifact import Delegation, GraphOperator
from etbench.measure.pass_results import Operator, Profile
from etbench.results.schema import Result
from etbench.stats.layers import Layer, Numerics

CONV, ADD, COPY = "aten.convolution.default", "aten.add.Tensor", "dim_order_ops._to_dim_order_copy.default"
GRAPH = [
    GraphOperator(name=CONV, module="a", shape=[1, 8], flops=100, subgraph=0, node="conv", precision="int8"),
    GraphOperator(name="aten.relu.default", module="b", subgraph=0, node="relu", inputs=[0]),
    GraphOperator(name=COPY, node="copy", inputs=[1], precision="float32"),
    GraphOperator(name="aten.cumsum.default", module="c", node="cumsum", inputs=[2], precision="float32"),
    GraphOperator(name=CONV, module="d", subgraph=1, node="conv_1", inputs=[3], precision="int8"),
    GraphOperator(name=ADD, module="d.sum", subgraph=1, node="add", inputs=[4, 1], precision="int8"),
]
RUN = [
    ("Convert (NC) #1", "delegated", 0, 0.5),
    ("Convolution (NHWC, QC8) IGEMM #1", "delegated", 0, 2.0),
    ("call of the delegate", "delegate", 0, 0.25),
    ("_to_dim_order_copy.out", "portable", 1, 0.125),
    ("cumsum.out", "portable", 2, 4.0),
    ("Convolution (NHWC, QC8) IGEMM #1", "delegated", 3, 1.0),
    ("Add (ND) #1", "delegated", 3, 0.5),
]


def numerics() -> Numerics:
    layers = [
        Layer(name="a", kind="Conv2d", sqnr_db=30.0, own_db=31.0, alone_db=40.0),
        Layer(name="d.sum", kind="Sum", sqnr_db=20.0, alone_db=None),
        Layer(name="gone", kind="Identity", sqnr_db=10.0, alone_db=10.0),
    ]
    return Numerics(compared=3, worst=layers, layers=layers)


@pytest.fixture
def profiled(make_result: Callable[..., Result]) -> Result:
    plain = make_result(precision="int8", p50=8.0)
    assert plain.artifact is not None
    artifact = msgspec.structs.replace(
        plain.artifact,
        operators=GRAPH,
        numerics=numerics(),
        delegation=Delegation(
            subgraphs=2,
            delegated_nodes=4,
            total_nodes=6,
            left_behind={COPY: 1, "aten.cumsum.default": 1},
            reasons={"aten.cumsum.default": "no rule for <cumsum>", COPY: "invalid dtype"},
        ),
    )
    profile = Profile(
        execute_ms=10.0,
        elsewhere_ms=1.625,
        inferences=3,
        operators=[
            Operator(name=name, kind=kind, instruction=instruction, mean_ms=ms, share=ms / 10)
            for name, kind, instruction, ms in RUN
        ],
    )
    return msgspec.structs.replace(plain, artifact=artifact, profile=profile)
