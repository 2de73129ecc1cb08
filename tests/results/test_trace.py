"""A trace has what was measured, in its length and order, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import status_of

from etbench.host.load import MachineLoad
from etbench.measure.pass_results import LoadPass, LoadTimes, OneLoad, Operator, Profile
from etbench.results.files.store import write_result
from etbench.results.schema import Result, RoundFacts
from etbench.results.trace import LOAD, OPERATORS, ROUNDS, chrome_trace

Made = Callable[..., Result]


def _facts(started_s: float, other: float | None) -> RoundFacts:
    load = MachineLoad(
        other_cpu_share=other, steal_share=None, involuntary_switches=0, major_faults=0, frequency_mhz=None
    )
    return RoundFacts(
        block=0,
        started_s=started_s,
        load_ms=3.0,
        first_inference_ms=2.0,
        warmup=4,
        load=load,
        inferences_per_sample=10,
    )


@pytest.fixture
def result(make_result: Made) -> Result:
    """Two rounds, a load, and a profile of a subgraph and a portable operator."""
    operators = [
        ("Convolution (NHWC, F32) IGEMM #1", "delegated", 0, 0.5),
        ("Add (ND) #1", "delegated", 0, 0.25),
        ("call of the delegate", "delegate", 0, 0.125),
        ("cumsum.out", "portable", 1, 1.0),
    ]
    each = [OneLoad(program_ms=1.0, method_ms=4.0, first_inference_ms=2.0)]
    return make_result(
        rounds=[[1.0, 1.5], [1.0]],
        round_facts=[_facts(0.0, 0.25), _facts(0.2, None)],
        load=LoadPass(warm=LoadTimes.of(each)),
        profile=Profile(
            execute_ms=2.0,
            elsewhere_ms=0.125,
            inferences=3,
            operators=[
                Operator(name=name, kind=kind, instruction=instruction, mean_ms=ms, share=None)
                for name, kind, instruction, ms in operators
            ],
        ),
    )


def test_rounds_lie_where_they_began_with_what_else_the_machine_did(result: Result) -> None:
    events = [one for one in chrome_trace(result)["traceEvents"] if one["pid"] == ROUNDS]
    spans = [(one["name"], one["ts"], one["dur"]) for one in events if one["ph"] == "X"]
    assert spans == [
        ("round 0", 0.0, 30_000.0),
        ("load", 0.0, 3_000.0),
        ("first inference", 3_000.0, 2_000.0),
        ("sample 0", 5_000.0, 10_000.0),
        ("sample 1", 15_000.0, 15_000.0),
        ("round 1", 200_000.0, 15_000.0),
        ("load", 200_000.0, 3_000.0),
        ("first inference", 203_000.0, 2_000.0),
        ("sample 0", 205_000.0, 10_000.0),
    ]
    counters = [one for one in events if one["ph"] == "C"]
    assert [(one["name"], one["ts"], one["args"]) for one in counters] == [
        ("CPU share of other processes", 0.0, {"share": 0.25})
    ]


def test_operators_of_a_subgraph_lie_inside_its_call(result: Result) -> None:
    events = chrome_trace(result)["traceEvents"]
    spans = {
        one["name"]: (one["ts"], one["dur"]) for one in events if one["pid"] == OPERATORS and one["ph"] == "X"
    }
    assert spans == {
        "Method::execute": (0.0, 2_000.0),
        "call of the delegate": (0.0, 875.0),
        "Convolution (NHWC, F32) IGEMM #1": (0.0, 500.0),
        "Add (ND) #1": (500.0, 250.0),
        "cumsum.out": (875.0, 1_000.0),
    }
    assert [one["dur"] for one in events if one["pid"] == LOAD and one["ph"] == "X"] == [1e3, 4e3, 2e3]


def test_the_command_writes_valid_json_that_is_not_taken_for_a_result(
    tmp_path: Path, result: Result, failed: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = write_result(result, tmp_path, "a"), write_result(failed, tmp_path, "b")
    assert status_of("trace", str(path)) == 0
    written = Path(capsys.readouterr().out.strip())
    assert written == path.with_suffix(".trace")
    assert json.loads(written.read_text())["otherData"]["cell"] == "resnet18 fp32 xnnpack"
    assert status_of("trace", str(other)) == 2
    assert status_of("trace", str(tmp_path)) == 2
    said = capsys.readouterr().err
    assert "nothing was timed" in said
    assert "name one result file in it" in said
