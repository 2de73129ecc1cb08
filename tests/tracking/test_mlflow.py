"""Results of a real sweep in a real store of MLflow, failed ones included."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import BRIEF, CONF, etbench

from etbench.results.files.store import read_results


def test_every_result_is_a_run_with_its_figures_and_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason='pip install "etbench[mlflow]"')
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # the skinny package brings no database
    uri = (tmp_path / "runs").as_uri()
    done = etbench(
        *("-m", "--config-dir", str(CONF), "model=tiny,unexportable", "delegate=portable", *BRIEF),
        *("tracking=mlflow", f"hydra.callbacks.mlflow.uri={uri}", "hydra.sweep.dir=out"),
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    results = {result.cell_id: (path, result) for path, result in read_results([tmp_path / "out"])[0]}
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("etbench").experiment_id])
    assert {run.data.tags["etbench.cell_id"] for run in runs} == results.keys()
    for run in runs:
        path, result = results[run.data.tags["etbench.cell_id"]]
        assert run.info.status == ("FAILED" if result.status == "failed" else "FINISHED")
        assert run.data.params["model"] == result.model_name
        saved = client.download_artifacts(run.info.run_id, path.name)
        assert Path(saved).read_bytes() == path.read_bytes()
        if result.latency_ms:
            assert run.data.metrics["latency_p50_ms"] == result.latency_ms.p50
            assert run.data.metrics["sqnr_db"] == result.parity.sqnr_db
    retried = etbench("-m", "sweep.resume=out", "sweep.retry=failed", cwd=tmp_path)
    assert retried.returncode == 1, retried.stdout + retried.stderr
    again = client.search_runs([runs[0].info.experiment_id])
    assert sorted(run.data.params["model"] for run in again) == ["tiny", "unexportable", "unexportable"]


def test_without_the_package_the_command_to_have_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.py").write_text("raise ImportError('not here')\n")
    done = etbench("tracking=mlflow", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert 'pip install "etbench[mlflow]"' in done.stderr
