"""Cells whose results hold the rounds of their baseline: what `compare`, a sweep and a report say of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from etbench.cli.main import main
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.results.comparison.cells import compare_in_turn
from etbench.results.comparison.compare import compare_results
from etbench.results.comparison.conditions import ACROSS
from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.files.store import write_result
from etbench.results.schema import InTurn, Result, RoundFacts

MakeResult = Callable[..., Result]

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)
FACTS = [
    RoundFacts(block=number, started_s=number, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET)
    for number in range(30)
]


def _on(result: Result, **changes: Any) -> Result:
    return msgspec.structs.replace(result, environment=msgspec.structs.replace(result.environment, **changes))


@pytest.fixture
def base(make_result: MakeResult) -> Result:
    """A baseline, measured on another machine than the new results."""
    made = _on(make_result(p50=50.0), cpu="EPYC", libraries={"torch": "2.13.0", "executorch": "1.5.1"})
    return msgspec.structs.replace(made, created_at="2025-12-01T00:00:00+00:00")


@pytest.fixture
def measure(make_result: MakeResult, base: Result) -> Callable[..., Result]:
    """A function that returns a cell measured interleaved with the baseline, slower by a factor."""

    def measured(
        factor: float, *, noise: float = 0.01, seed: int = 0, family: int = 1, **more: Any
    ) -> Result:
        old, new = np.exp(np.random.default_rng(seed).normal(0, noise, (2, 30)))
        rounds = [[float(value)] for value in factor * new]
        result = _on(
            make_result(more.pop("model", "resnet18"), rounds=rounds, round_facts=FACTS),
            libraries={"torch": "2.13.0", "executorch": "1.5.1"},
        )
        assert base.artifact is not None
        identity = {
            "base_cell_id": base.cell_id,
            "base_created_at": base.created_at,
            "base_sha256": base.artifact.sha256,
            "base_runtime": "1.5.1",
        }
        in_turn = InTurn(
            base_file="old/a.json",
            base_program="the program kept next to the baseline's result",
            threshold=0.05,
            comparison=compare_in_turn(
                result, old.tolist(), (factor * new).tolist(), threshold=0.05, family=family
            ),
            base_rounds=[[float(value)] for value in old],
            base_facts=FACTS,
            family=family,
            **(identity | more),
        )
        return msgspec.structs.replace(result, in_turn=in_turn)

    return measured


def test_rounds_that_were_measured_with_the_baseline_count_at_the_threshold_that_is_asked(
    base: Result, measure: Callable[..., Result]
) -> None:
    new = measure(1.12)
    for threshold, decision in ((0.05, "regression"), (0.12, "undecided"), (0.20, "passed")):
        (cell,) = compare_results([base], [new], threshold=threshold).cells
        assert (cell.how, cell.verdict, cell.decision) == ("in turn", "slower", decision)
        assert (cell.ratio, cell.threshold) == (pytest.approx(1.12, rel=0.01), threshold)
        assert cell.base_ms == pytest.approx(1.0, rel=0.01), "of the interleaved rounds, not 50 ms"
    older = msgspec.structs.replace(base, created_at="2025-11-01T00:00:00+00:00")
    (cell,) = compare_results([older], [new], threshold=0.05).cells
    assert cell.how == "in turn", "the same program in the same runtime, whenever it was measured"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"base_sha256": "f" * 64}, "program ffffffff instead of 00000000"),
        ({"base_runtime": "1.4.1"}, "ExecuTorch 1.4.1 instead of 1.5.1"),
        ({"base_cell_id": "abc"}, "cell abc instead of"),
    ],
    ids=["program", "runtime", "cell"],
)
def test_another_baseline_than_the_one_it_was_measured_with_is_named(
    other: dict[str, str],
    named: str,
    base: Result,
    measure: Callable[..., Result],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = measure(1.12, **other)
    with pytest.raises(EtbenchError, match=r"resnet18 fp32 xnnpack .* with old/a\.json of"):
        compare_results([base], [new], threshold=0.05)
    (cell,) = compare_results([base], [new], threshold=0.05, across=ACROSS).cells
    assert (cell.how, cell.decision) == ("separate runs", "undecided")
    assert cell.measured_with.startswith(f"old/a.json of 2025-12-01T00:00:00+00:00 ({named}")
    assert cell.measured_with.endswith("): slower, a regression")
    write_result(base, tmp_path / "base", "a")
    write_result(new, tmp_path / "new", "a")
    command = ["compare", str(tmp_path / "base"), str(tmp_path / "new"), "--across", ",".join(ACROSS)]
    for form in ("table", "markdown"):
        assert main([*command, "--format", form]) == 4
        assert f"another baseline: {cell.measured_with}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("measured", "how"), [("1.25.0", "in turn"), ("1.24.0", "separate runs")], ids=["the same", "another"]
)
def test_a_program_of_another_runtime_is_known_by_the_version_of_that_runtime(
    measured: str, how: str, base: Result, measure: Callable[..., Result]
) -> None:
    runtime = {"runtime": "onnxruntime", "runtime_version": "1.25.0"}
    base, new = _on(base, **runtime), _on(measure(1.12, base_runtime=measured), **runtime)
    (cell,) = compare_results([base], [new], threshold=0.05, across=ACROSS).cells
    assert cell.how == how
    assert ("(onnxruntime 1.24.0 instead of 1.25.0)" in cell.measured_with) == (how == "separate runs")
    assert cell.same_program
    upgraded = _on(new, runtime_version="1.26.0")
    (cell,) = compare_results([base], [upgraded], threshold=0.05, across=ACROSS).cells
    assert not cell.same_program, "another runtime ran the same bytes"


def test_a_file_of_an_older_version_counts_if_it_says_that_the_program_was_the_same(
    base: Result, measure: Callable[..., Result]
) -> None:
    unknown = dict.fromkeys(("base_cell_id", "base_created_at", "base_sha256", "base_runtime"))
    new = measure(1.12, **unknown)
    assert new.in_turn is not None
    (cell,) = compare_results([base], [new], threshold=0.05, across=ACROSS).cells
    assert cell.how == "separate runs"
    assert "program unknown instead of 00000000" in cell.measured_with
    same = msgspec.structs.replace(new.in_turn, base_program="the same program, with its own threads=null")
    new = msgspec.structs.replace(new, in_turn=same)
    (cell,) = compare_results([base], [new], threshold=0.05).cells
    assert cell.how == "in turn"


def test_the_cells_of_a_sweep_are_judged_as_one_family(measure: Callable[..., Result]) -> None:
    slower = measure(1.09, noise=0.05, seed=3, model="m")
    (alone,) = family_verdicts([slower])
    many = [measure(1.0, noise=0.05, seed=seed, model=f"m{seed}") for seed in range(4, 31)]
    cells = {cell.model: cell for cell in family_verdicts([slower, *many])}
    assert alone.decision == "regression"
    assert cells["m"].decision == "undecided", "one of 28 needs stronger evidence"
    assert cells["m"].alarm_low < alone.alarm_low
    assert (cells["m"].low, cells["m"].high) == (alone.low, alone.high)
    assert not any(cell.verdict in ("faster", "slower") for cell in cells.values() if cell.model != "m")


def test_a_part_of_a_larger_family_keeps_the_verdict_of_the_whole(measure: Callable[..., Result]) -> None:
    part = measure(1.09, noise=0.05, seed=3, family=28)
    (cell,) = family_verdicts([part])
    assert part.in_turn is not None
    assert cell == part.in_turn.comparison
    assert cell.decision == "undecided"


def test_a_newer_failure_of_a_cell_replaces_its_measurement(
    base: Result, measure: Callable[..., Result], failed: Result
) -> None:
    good = measure(1.0)
    broken = msgspec.structs.replace(
        failed,
        **{"model_name": "resnet18", "precision_short": "fp32", "config": good.config},
        created_at="2026-01-02T00:00:00+00:00",
    )
    comparison = compare_results([base], [good, broken], threshold=0.05)
    assert list(map(str, comparison.failing)) == ["resnet18 fp32 xnnpack (failed: no such op)"]
    assert comparison.outcome(["undecided", "missing"]).status == 1
    later = msgspec.structs.replace(good, created_at="2026-01-03T00:00:00+00:00")
    assert compare_results([base], [broken, later], threshold=0.05).outcome().applies == []


def test_a_failed_cell_that_the_baseline_never_had_fails_too(
    base: Result, measure: Callable[..., Result], failed: Result
) -> None:
    comparison = compare_results([base], [measure(1.0), failed], threshold=0.05)
    assert list(map(str, comparison.failing)) == ["gpt2 int8 xnnpack (failed: no such op)"]
    assert comparison.outcome().heading == "failed"


@pytest.mark.parametrize(
    ("factor", "noise", "flags", "status", "heading"),
    [
        (1.0, 0.01, [], 0, "passed"),
        (1.2, 0.01, [], 3, "regression"),
        (1.05, 0.05, [], 4, "undecided"),
        (1.05, 0.05, ["--allow-undecided"], 0, "undecided (allowed)"),
        (1.05, 0.05, ["--fail-if", "pte_bytes<-1"], 3, "condition met, undecided"),
    ],
)
def test_the_first_status_that_applies_ends_the_command_and_all_are_in_the_heading(
    factor: float,
    noise: float,
    flags: list[str],
    status: int,
    heading: str,
    base: Result,
    measure: Callable[..., Result],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert base.artifact is not None
    larger = msgspec.structs.replace(base, artifact=msgspec.structs.replace(base.artifact, pte_bytes=2_000))
    write_result(larger, tmp_path / "base", "a")
    write_result(measure(factor, noise=noise), tmp_path / "new", "a")
    command = ["compare", str(tmp_path / "base"), str(tmp_path / "new"), *flags]
    assert main([*command, "--format", "markdown"]) == status
    assert capsys.readouterr().out.splitlines()[0] == f"### etbench: {heading}"
    assert main(command) == status
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{heading}: 1 cell compared")
