"""What a job returns to a sweeper, and Optuna that goes by it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from running import BRIEF, CONF, TESTS, etbench

from etbench.errors import ConfigError
from etbench.preflight.command_line import check_command_line
from etbench.results.decision.objective import objective_value
from etbench.results.files.store import read_result, read_results
from etbench.results.schema import Result

SAMPLE = TESTS.parent / "outputs" / "sample_sweep" / "mobilenet_v2_int8_xnnpack.json"


@pytest.fixture
def result() -> Result:
    """mobilenet_v2 in int8: some 11.5 dB of SQNR."""
    return read_result(SAMPLE)


def test_the_objective_is_a_path_into_the_result_or_a_column(result: Result) -> None:
    assert objective_value(result, "latency_ms.p50", {}) == result.latency_ms.p50
    assert objective_value(result, "pte_bytes", {}) == result.artifact.pte_bytes
    evaluated = msgspec.structs.replace(result, evaluation={"top1": 0.75})
    assert objective_value(evaluated, "evaluation.top1", {}) == 0.75
    assert objective_value(evaluated, "evaluation.top5", {}) is None
    assert objective_value(result, "energy.joules_per_inference", {}) is None


@pytest.mark.parametrize(
    ("objective", "bounds", "infinitely"),
    [
        ("latency_ms.p50", {"sqnr_db": ">=20"}, math.inf),
        ("throughput_per_s", {"sqnr_db": ">=20"}, -math.inf),
        ("latency_ms.p50", {"pte_bytes": "<=1MB"}, math.inf),
        ("latency_ms.p50", {"joules_per_inference": "<=1"}, math.inf),
        ("latency_ms.p50", {"sqnr_db": ">=10", "pte_bytes": "<=1GB", "latency_p50_ms": "<=1x vs fp32"}, None),
    ],
    ids=["too far from fp32", "to be maximized", "too large", "not known", "within"],
)
def test_a_cell_that_breaks_a_bound_is_infinitely_bad(
    objective: str, bounds: dict[str, str], infinitely: float | None, result: Result
) -> None:
    value = objective_value(result, objective, bounds)
    assert value == (result.latency_ms.p50 if infinitely is None else infinitely)


def test_an_exact_output_keeps_every_bound_and_a_failed_cell_has_no_objective(result: Result) -> None:
    exact = msgspec.structs.replace(result.parity, exact=True, sqnr_db=None)
    same = msgspec.structs.replace(result, parity=exact)
    assert objective_value(same, "latency_ms.p50", {"sqnr_db": ">=200"}) == result.latency_ms.p50
    assert objective_value(msgspec.structs.replace(result, status="failed"), "pte_bytes", {}) is None


def test_a_wrong_cell_is_infinitely_bad_even_without_bounds(result: Result) -> None:
    wrong = msgspec.structs.replace(result, status="wrong")
    assert objective_value(wrong, "latency_ms.p50", {}) == math.inf
    assert objective_value(wrong, "throughput_per_s", {}) == -math.inf


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("decision.objective=latency_ms.p55", "no metric 'p55' (did you mean 'p95'?)"),
        ("decision.objective=latency_p5_ms", "did you mean 'latency_p95_ms'?"),
        ("decision.objective=latency_ms", "not a number"),
        ("decision.objective=rounds", "not a number"),
        (
            "decision.bounds={sqnr: '>=20'}",
            "bound of sqnr: there is no metric 'sqnr' (did you mean 'sqnr_db'?)",
        ),
        ("decision.bounds={sqnr_db: 20}", 'bound of sqnr_db: write ">=20" for the smallest value'),
        ("decision.bounds={sqnr_db: much}", "bound of sqnr_db: 'much' is not valid"),
    ],
)
def test_a_name_that_is_unknown_is_a_fault_before_any_work(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_command_line(["model=resnet18", override])
    assert words in caught.value.message


def test_optuna_finds_the_precision_that_keeps_the_bound(tmp_path: Path) -> None:
    done = etbench(
        *("-m", "--config-dir", str(CONF), "experiment=tune_threads", "model=tiny", *BRIEF),
        *("decision.bounds={sqnr_db: '>=80'}", "hydra.sweeper.n_trials=4", "hydra.sweep.dir=out"),
        *("threads=choice(1,2)", "precision=choice(fp32,int8)"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = yaml.safe_load((tmp_path / "out" / "optimization_results.yaml").read_text())
    results = [result for _, result in read_results([tmp_path / "out"])[0]]
    assert {result.precision_short for result in results} == {"fp32", "int8"}, "both were tried"
    assert found["best_params"]["precision"] == "fp32"
    of_best = [
        result.latency_ms.p50
        for result in results
        if result.precision_short == "fp32" and result.environment.threads == found["best_params"]["threads"]
    ]
    assert found["best_value"] in of_best
