"""The operators and parts of a program: what was measured is where it belongs, and nothing else is there."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from etbench.artifact import GraphOperator
from etbench.errors import EtbenchError
from etbench.results.graph.program import PORTABLE, program_graph
from etbench.results.schema import Result


def _with(result: Result, **changes: object) -> Result:
    assert result.artifact is not None
    return msgspec.structs.replace(result, artifact=msgspec.structs.replace(result.artifact, **changes))


def test_each_operator_has_its_time_place_noise_and_reason(profiled: Result) -> None:
    graph = program_graph(profiled)
    nodes = {node.id: node for node in graph.nodes}
    assert {key: node.mean_ms for key, node in nodes.items()} == {
        **{"conv": 2.0, "relu": None, "copy": 0.125, "cumsum": 4.0, "conv_1": 1.0, "add": 0.5}
    }
    assert [node.runs_in for node in graph.nodes] == [
        *("xnnpack", "xnnpack", PORTABLE, PORTABLE, "xnnpack", "xnnpack")
    ]
    assert nodes["add"].inputs == ["conv_1", "relu"]
    assert {key: node.layer.sqnr_db for key, node in nodes.items() if node.layer} == {"conv": 30, "add": 20}
    assert {key: node.reason for key, node in nodes.items() if node.reason} == {
        "copy": "invalid dtype",
        "cumsum": "no rule for <cumsum>",
    }
    assert [key for key, node in nodes.items() if node.border_copy] == ["copy"]
    assert graph.missing == {}


def test_parts_are_in_the_order_of_execution_with_all_times_of_the_profile(profiled: Result) -> None:
    parts = program_graph(profiled).parts
    assert [(part.subgraph, part.count, part.mean_ms, part.sources) for part in parts] == [
        (0, 2, 2.75, []),
        (None, 2, 4.125, [0]),
        (1, 2, 1.5, [0, 1]),
    ]
    assert [part.precisions for part in parts] == [["int8"], ["float32"], ["int8"]]
    rows = {row.kind: (row.count, row.mean_ms) for row in parts[0].rows}
    assert rows == {
        "convolution": (1, 2.0),
        "copies and conversions": (0, 0.5),  # of the delegate itself
        "calls of delegates": (0, 0.25),
        "clamp": (1, None),  # fused
    }
    (copy,) = (row for row in parts[1].rows if row.border_copies)
    assert (copy.kind, copy.mean_ms, copy.reason) == ("copies and conversions", 0.125, "invalid dtype")


def test_what_was_not_measured_is_absent_and_named_with_its_override(profiled: Result) -> None:
    bare = msgspec.structs.replace(_with(profiled, numerics=None), profile=None)
    graph = program_graph(bare)
    assert [node.mean_ms for node in graph.nodes] == [None] * 6
    assert [(part.mean_ms, part.share) for part in graph.parts] == [(None, None)] * 3
    assert not any(node.layer for node in graph.nodes)
    assert "profile=true" in graph.missing["time"]
    assert "numerics=true" in graph.missing["noise"]
    exact = msgspec.structs.replace(bare, precision_short="fp32")
    assert "noise" not in program_graph(exact).missing


def test_times_of_an_emulator_are_not_shown(profiled: Result) -> None:
    environment = msgspec.structs.replace(profiled.environment, emulator="qemu-aarch64")
    graph = program_graph(msgspec.structs.replace(profiled, environment=environment))
    assert "qemu-aarch64" in graph.missing["time"]
    assert not any(node.mean_ms for node in graph.nodes)


def test_a_profile_of_other_calls_than_the_graph_has_gives_no_times(profiled: Result) -> None:
    one_call = [*program_graph(profiled).result.artifact.operators[:4]]  # type: ignore[union-attr]
    graph = program_graph(_with(profiled, operators=one_call))
    assert [part.mean_ms for part in graph.parts] == [None, None]
    assert "2 calls" in graph.missing["time"]


def test_without_its_graph_the_operators_are_those_of_the_profile_in_the_same_parts(profiled: Result) -> None:
    graph = program_graph(_with(profiled, operators=[]))
    assert not graph.edges_known
    assert "edges" in graph.missing
    assert [(part.subgraph, part.mean_ms) for part in graph.parts] == [(0, 2.75), (None, 4.125), (1, 1.5)]
    assert len(graph.nodes) == len({node.id for node in graph.nodes}) == 6
    assert {node.inputs for node in graph.nodes} == {None}


def test_a_graph_from_the_cache_serves_a_cell_that_was_not_profiled(profiled: Result) -> None:
    operators = profiled.artifact.operators if profiled.artifact else []
    bare = msgspec.structs.replace(_with(profiled, operators=[]), profile=None)
    assert len(program_graph(bare, operators).nodes) == 6
    older = [msgspec.structs.replace(one, node="") for one in operators]
    for known in ([], older):  # an older version had them in another order
        with pytest.raises(EtbenchError, match="profile=true"):
            program_graph(bare, known)


def test_a_cell_without_a_program_is_refused_with_the_reason(failed: Result) -> None:
    with pytest.raises(EtbenchError, match="no program: no such op"):
        program_graph(failed)


def test_a_file_that_is_wrong_gives_a_graph_without_cycles_and_with_unique_names(profiled: Result) -> None:
    wrong = [
        GraphOperator(name="a.b.c", node="same", inputs=[0, 1, 99], subgraph=7),
        GraphOperator(name="a.b.c", node="same", inputs=[0, 1], subgraph=3),
        GraphOperator(name="a.b.c", node="same_1", inputs=[0], subgraph=7),
    ]
    nodes = program_graph(_with(profiled, operators=wrong)).nodes
    assert len({node.id for node in nodes}) == 3
    assert [node.inputs for node in nodes] == [[], ["same"], ["same"]]


def test_the_program_of_another_runtime_is_one_part(
    make_result: Callable[..., Result], profiled: Result
) -> None:
    assert profiled.profile is not None
    operators = [
        msgspec.structs.replace(one, kind="runtime", instruction=number)
        for number, one in enumerate(profiled.profile.operators)
    ]
    profile = msgspec.structs.replace(profiled.profile, operators=operators)
    environment = msgspec.structs.replace(profiled.environment, runtime="onnxruntime")
    graph = program_graph(make_result(delegate="onnxruntime", profile=profile, environment=environment))
    assert [(part.subgraph, part.runs_in) for part in graph.parts] == [(None, "onnxruntime")]
