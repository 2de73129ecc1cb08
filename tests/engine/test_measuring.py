"""What is heard of a base that fails is not told of the cell that is compared with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from running import CONF

from etbench import compose
from etbench.engine.baseline import BaseProgram, Settings
from etbench.engine.cell_run import CellRun
from etbench.engine.measuring import Measuring
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.measure import Decide, Round

LOAD = MachineLoad(
    other_cpu_share=None, steal_share=None, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.fixture
def run(tmp_path: Path) -> CellRun:
    """A cell with a base, both built."""
    run = CellRun(compose(["model=tiny"], config_dir=CONF), tmp_path, tmp_path, None)
    run.program = SimpleNamespace(  # type: ignore[assignment]
        built=SimpleNamespace(artifact=SimpleNamespace(logits_axis=None, timed_sizes=[], data_use=None)),
        folder=tmp_path / "new",
    )
    run.base = SimpleNamespace(  # type: ignore[assignment]
        settings=Settings(threads=7, runtime=run.cell.delegate.runtime, runner="python")
    )
    run.base_program = BaseProgram(tmp_path / "base", "kept", "0" * 64)
    return run


def _measuring(run: CellRun) -> Measuring:
    return Measuring([run], runners={}, finish=CellRun.finish, fail=CellRun.fail)


def _round(ms: float) -> Round:
    return Round(samples_ms=[ms], load_ms=1, first_inference_ms=1, warmup=1, load=LOAD)


def test_the_base_is_run_as_it_was(run: CellRun) -> None:
    assert [subject.threads for subject in _measuring(run).subjects] == [7, None]


def test_a_comparison_is_decided_unless_the_width_or_the_plan_ends_it(run: CellRun) -> None:
    def question(**repeat: object) -> Decide | None:
        run.cell = replace(run.cell, repeat=replace(run.cell.repeat, **repeat), fail_above=0.1)
        base, new = Measuring([run], runners={}, finish=CellRun.finish, fail=CellRun.fail, family=28).subjects
        assert base.decide is None
        return new.decide

    assert question() == Decide(threshold=0.1, family=28)
    assert question(target_ci=0.02) is None
    assert question(target_ci=None, until="planned") is None


def test_a_base_that_fails_leaves_the_cell_its_own_rounds(run: CellRun) -> None:
    measuring, error = _measuring(run), EtbenchError("crashed", stage="time", hint="look")
    measuring.on_round(1, [_round(2.0)], 30)
    measuring.on_failure(0, error, [_round(99.0)])
    assert error.message == "crashed", "it may be the error of others as well"
    assert run.outcome is not None
    result = run.outcome.result
    assert result.failure is not None
    assert (result.failure.message, result.failure.hint) == ("the baseline: crashed", "look")
    assert result.rounds == [[2.0]]
    measuring.keep_all()
    assert [path.name for path in run.out.rglob("*.json")] == ["tiny_fp32_xnnpack.json"]
