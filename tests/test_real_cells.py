"""A convolutional network and a transformer x fp32, int8 x XNNPACK, portable: real cells, by one command.

Their first layers represent mobilenet_v2 and distilbert; with `-m long` the whole of them take part too.
"""

from __future__ import annotations

import json

import pytest
from running import CONF, Sweep, etbench

from etbench.preflight.compose import compose
from etbench.results.files.store import read_results

pytestmark = [pytest.mark.build, pytest.mark.cold]


CNN, TRANSFORMER = "the convolutional network", "the transformer"
MODELS = {
    "short": {CNN: "short_mobilenet", TRANSFORMER: "short_distilbert"},
    "whole": {CNN: "mobilenet_v2", TRANSFORMER: "distilbert"},
}


@pytest.fixture(scope="module", params=["short", pytest.param("whole", marks=pytest.mark.long)])
def models(request: pytest.FixtureRequest) -> dict[str, str]:
    """The names of the two models."""
    return MODELS[request.param]


@pytest.fixture(scope="module")
def sweep(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The finished sweep; temporary files of its own are looked for."""
    cwd = tmp_path_factory.mktemp("sweep")
    (scratch := cwd / "tmp").mkdir()
    process = etbench(
        *("-m", "--config-dir", str(CONF)),
        f"model={','.join(models.values())}",
        "precision=fp32,int8",
        "delegate=xnnpack,portable",
        "repeat=quick",
        "repeat.max_seconds=2",
        "hydra.sweep.dir=swept",
        cwd=cwd,
        timeout=1200,
        TMPDIR=str(scratch),
    )
    found, unreadable = read_results([cwd / "swept"])
    assert not unreadable, unreadable
    results = {(r.model_name, r.precision_short, r.delegate): r for _, r in found}
    return Sweep(process, cwd / "swept", results, scratch)


def test_a_sweep_ends_ok_with_tables_in_one_folder(sweep: Sweep) -> None:
    assert sweep.process.returncode == 0, sweep.process.stdout + sweep.process.stderr
    assert {key: result.status for key, result in sweep.results.items()} == dict.fromkeys(sweep.results, "ok")
    assert len(sweep.results) == 8
    assert {path.name for path in sweep.folder.glob("*.json")} == {
        f"{model}_{precision}_{delegate}.json" for model, precision, delegate in sweep.results
    }
    for result in sweep.results.values():
        assert compose(result.command[2:], config_dir=CONF).cell_id == result.cell_id
    for table in ("results", "precision_comparison", "delegate_comparison", "ranking", "pivot"):
        assert len((sweep.folder / f"{table}.csv").read_text().splitlines()) >= 3


def test_a_sweep_prints_a_line_an_event_and_a_summary_but_no_chatter_of_libraries(
    sweep: Sweep, models: dict[str, str]
) -> None:
    printed = sweep.process.stdout + sweep.process.stderr
    said = [line.partition(": ")[2] for line in sweep.process.stderr.splitlines() if line.startswith("[")]
    assert sum(line.startswith("program ") for line in said) == 8
    assert sum(line.startswith("ok in ") for line in said) == 8
    assert f"{models[CNN]} int8 xnnpack" in sweep.process.stdout
    for chatter in ("Warning", "cpuinfo", "Failed to load", "threadpool"):
        assert chatter not in printed
    logs = [path.read_text() for path in sweep.folder.glob("cells/*/etbench.log")]
    assert len(logs) == 8
    assert all("threadpool" in log for log in logs)


def test_a_sweep_leaves_no_temporary_files(sweep: Sweep) -> None:
    assert not list(sweep.scratch.glob("etbench-*"))
    assert not list(sweep.folder.rglob("*.pte"))
    assert not list(sweep.folder.rglob("*.tmp"))


@pytest.mark.parametrize("delegate", ["xnnpack", "portable"])
@pytest.mark.parametrize("model", [CNN, TRANSFORMER])
@pytest.mark.parametrize(("precision", "floor_db"), [("fp32", 60), ("int8", 10)])
def test_programs_are_faithful_to_the_eager_model(
    model: str, precision: str, floor_db: float, delegate: str, sweep: Sweep, models: dict[str, str]
) -> None:
    parity = sweep.results[models[model], precision, delegate].parity
    assert parity is not None
    assert parity.sqnr_db is not None
    assert parity.sqnr_db >= floor_db
    assert not parity.degenerate
    assert parity.reference_std > 1e-3


@pytest.mark.parametrize("model", [CNN, TRANSFORMER])
def test_results_hold_what_a_reader_looks_for(model: str, sweep: Sweep, models: dict[str, str]) -> None:
    name = models[model]
    result = sweep.results[name, "int8", "xnnpack"]
    wide = sweep.results[name, "fp32", "xnnpack"]
    portable = sweep.results[name, "int8", "portable"]
    assert result.precision == "INT8 (PT2E Quant)"
    assert result.repeat == sum(map(len, result.rounds)) == 10
    assert result.artifact.pte_bytes < 0.6 * wide.artifact.pte_bytes
    assert result.artifact.delegation.delegated_nodes > 0 == portable.artifact.delegation.delegated_nodes
    assert result.artifact.arena_bytes > 0
    assert result.memory.peak_over_baseline_bytes > 0
    assert result.load_ms > 0
    assert result.throughput_per_s == pytest.approx(1000 / result.latency_ms.p50)
    assert result.environment.threads == result.environment.available_cores
    assert result.environment.libraries["executorch"].startswith("1.5")
    assert result.latency_ms.p50 < portable.latency_ms.p50
    assert (result.parity.top1_agreement is not None) == (model == CNN)


def test_int8_and_its_fp32_are_compared_with_the_same_reference(sweep: Sweep, models: dict[str, str]) -> None:
    spreads = {
        key: result.parity.reference_std
        for key, result in sweep.results.items()
        if key[0] == models[TRANSFORMER]
    }
    assert len(set(spreads.values())) == 1, spreads


def test_a_diff_profiles_two_cells_of_a_sweep_in_turn(sweep: Sweep, models: dict[str, str]) -> None:
    name = models[CNN]
    cells = ("--a", f"{name} fp32 xnnpack", "--b", f"{name} fp32 portable")
    done = etbench("diff", "swept", *cells, "--blocks=3", "--format=json", cwd=sweep.folder.parent)
    assert done.returncode == 4, done.stderr  # three blocks bound nothing
    found = json.loads(done.stdout)
    assert (found["interleaved"], found["blocks"]) == (True, 3)
    (convolution,) = (part for part in found["parts"] if part["kind"] == "convolution")
    assert convolution["a_portable"] == 0 < convolution["b_portable"] == convolution["a_count"]
    assert all(one["module"].startswith("features") for one in convolution["operators"])
    assert all(
        (one["a_where"], one["b_where"]) == ("delegated", "portable") for one in convolution["operators"]
    )
    assert next(one for one in found["counts"] if one["name"] == "subgraphs")["b"] == 0
