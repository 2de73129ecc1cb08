"""What an upgrade changes: the versions compared, and which part an effect is from."""

from __future__ import annotations

import msgspec
import pytest
from made_results import ENVIRONMENT, MakeResult

from etbench.artifact import Delegation
from etbench.errors import EtbenchError
from etbench.events import Failure
from etbench.host.load import MachineLoad
from etbench.results.comparison.upgrade import upgrade_of
from etbench.results.schema import CellComparison, Result, RoundFacts

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.fixture
def four(make_result: MakeResult) -> list[Result]:
    """A cell in all four ways: what the new version builds is twice as fast, on both runtimes."""

    def cell(build: str | None, run: str | None) -> Result:
        ms = 10.0 if build else 5.0
        result = make_result(
            rounds=[[ms + block / 100] for block in range(20)],
            round_facts=[
                RoundFacts(
                    block=block, started_s=block, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET
                )
                for block in range(20)
            ],
            turn_id="one",
            cell_id=f"{build} {run}",
            config={"env": {"build": build, "run": run}},
            environment=msgspec.structs.replace(
                ENVIRONMENT, libraries={"executorch": "1.4.1" if run else "1.5.1"}
            ),
        )
        assert result.artifact is not None
        more = {"add": 3} if build else {"add": 1, "cumsum": 2}
        delegation = Delegation(subgraphs=1, delegated_nodes=3, total_nodes=6, left_behind=more)
        artifact = msgspec.structs.replace(
            result.artifact, sha256=("a" if build else "b") * 64, delegation=delegation
        )
        return msgspec.structs.replace(result, artifact=artifact)

    return [cell(build, run) for build in ("old", None) for run in ("old", None)]


def test_the_verdict_is_of_the_versions_and_the_cross_pairs_show_the_cause(four: list[Result]) -> None:
    upgrade = upgrade_of(four, "old", None, threshold=0.05)
    assert [cell.verdict for cell in upgrade.whole.cells] == ["faster"]
    assert [cell.verdict for cell in upgrade.compiler.cells] == ["faster"]
    assert [cell.verdict for cell in upgrade.runtime.cells] == ["same"]
    assert upgrade.runtime.cells[0].same_program is False, "two versions ran the same bytes"
    assert any(line.endswith("now left to the runtime's own kernels: 2 x cumsum") for line in upgrade.changes)
    text, outcome = upgrade.text()
    assert outcome.status == 0
    assert text.startswith("## Upgrade from executorch 1.4.1 (old) to executorch 1.5.1 (current)")
    assert "only the program" in text and "only the runtime" in text


def test_why_is_asked_for_the_programs_of_both_versions_on_the_new_runtime(four: list[Result]) -> None:
    asked: list[list[str]] = []

    def explain(cell: CellComparison, base: Result, new: Result) -> str:
        asked.append([base.cell_id, new.cell_id])
        return f"since {cell.verdict}"

    text, _ = upgrade_of(four, "old", None, threshold=0.05, explain=explain).text()
    assert asked == [["old None", "None None"]]
    assert "- why resnet18 fp32 xnnpack, only the program: since faster" in text


def test_a_program_that_the_other_runtime_does_not_run_is_told_and_does_not_fail(four: list[Result]) -> None:
    failure = Failure(stage="load_program", kind="E", message="needs a newer runtime", hint="", traceback="")
    four[2] = msgspec.structs.replace(
        four[2], status="failed", failure=failure, latency_ms=None, rounds=[], round_facts=[]
    )
    upgrade = upgrade_of(four, "old", None, threshold=0.05)
    (words,) = upgrade.not_run
    assert words.endswith("built in current, does not run in old: needs a newer runtime")
    assert upgrade.text()[1].status == 0


def test_programs_are_said_to_have_the_same_bytes_only_if_that_is_known(four: list[Result]) -> None:
    same = "The programs have the same bytes."
    assert same not in upgrade_of(four, "old", None, threshold=0.05).text()[0]
    assert four[0].artifact is not None
    equal = [msgspec.structs.replace(one, artifact=four[0].artifact) for one in four]
    assert same in upgrade_of(equal, "old", None, threshold=0.05).text()[0]
    failure = Failure(stage="lower", kind="E", message="no such op", hint="", traceback="")
    broken = {"status": "failed", "failure": failure, "artifact": None, "latency_ms": None}
    four[3] = msgspec.structs.replace(four[3], **broken, rounds=[], round_facts=[])
    text, outcome = upgrade_of(four, "old", None, threshold=0.05).text()
    assert same not in text
    assert "No cell was measured with both versions." in text
    assert outcome.status == 1


def test_a_version_without_results_is_an_error(four: list[Result]) -> None:
    with pytest.raises(EtbenchError, match="there is no result of 1"):
        upgrade_of(four, "old", "1.6", threshold=0.05)
