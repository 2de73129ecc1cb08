"""Each result as a run of MLflow: its columns as parameters and metrics, its file as an artifact."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.errors import ConfigError
from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.schema import Result
from etbench.results.tables.evaluation import evaluated
from etbench.results.tables.metrics import COLUMNS
from etbench.results.tables.rows import row_of
from etbench.sweep.new_results import NewResultsCallback

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowCallback"]

LONGEST = 500  # characters of a parameter, which MLflow limits
ODD = re.compile(r"[^\w./ -]", re.ASCII)  # in the name of a metric
CELL_ID = "etbench.cell_id"
STATUS = {"failed": "FAILED", "wrong": "FAILED"}  # every other status is a run that finished


class MlflowCallback(NewResultsCallback):
    """Logs the results of a run or sweep when it ends, under any launcher.

    Args:
        experiment: name of the experiment; it is created if there is none.
        uri: URI of the tracking server or database; None for ``MLFLOW_TRACKING_URI``.

    """

    def __init__(self, experiment: str = "etbench", uri: str | None = None) -> None:
        super().__init__()
        try:
            import mlflow
        except ImportError as error:
            raise ConfigError(['tracking=mlflow: pip install "etbench[mlflow]"']) from error
        self._experiment = experiment
        self._client = mlflow.MlflowClient(tracking_uri=uri)

    def close(self, folder: Path, results: Sequence[tuple[Path, Result]]) -> None:
        """Log each new result as a run; a resumed sweep has already logged some."""
        found = self._client.get_experiment_by_name(self._experiment)
        id_ = found.experiment_id if found else self._client.create_experiment(self._experiment)
        compared = [result for _, result in results if result.in_turn]
        decisions = {
            id(result): cell.decision
            for result, cell in zip(compared, family_verdicts(compared), strict=True)
        }
        for path, result in results:
            if not _is_logged(self._client, id_, result):
                _log(self._client, id_, path, result, decisions.get(id(result)))


def _is_logged(client: MlflowClient, experiment_id: str, result: Result) -> bool:
    """Whether a run has this measurement; one that is still RUNNING was interrupted while it was written."""
    filters = (
        f"tags.`{CELL_ID}` = '{result.cell_id}'",
        f"attributes.start_time = {_begun_ms(result)}",
        "attributes.status != 'RUNNING'",
    )
    return bool(client.search_runs([experiment_id], filter_string=" and ".join(filters), max_results=1))


def _begun_ms(result: Result) -> int:
    """Return when it was measured, in MLflow's unit: ms since 1970."""
    return int(datetime.fromisoformat(result.created_at).timestamp() * 1e3)


def _log(client: MlflowClient, experiment_id: str, path: Path, result: Result, decision: str | None) -> None:
    from mlflow.entities import Metric, Param

    begun = _begun_ms(result)
    name = f"{result.model_name}_{result.precision_short}_{result.delegate}"
    tags = {CELL_ID: result.cell_id, "etbench.status": result.status}
    if decision:
        tags["etbench.decision"] = decision
    run = client.create_run(experiment_id, start_time=begun, tags=tags, run_name=name).info.run_id
    given = {
        column: value
        for column, value in zip(COLUMNS, row_of(result), strict=True)
        if value is not None and not column.raw
    }
    numbers = {column.name: value for column, value in given.items() if column.better}
    accuracy = evaluated(result.evaluation, result.evaluation_items)
    numbers |= {ODD.sub("_", name): value for name, value in accuracy.items()}
    metrics = [
        Metric(name, float(value), begun, 0)
        for name, value in numbers.items()
        if value is not None and math.isfinite(value)
    ]
    params = [
        Param(column.name, str(value)[:LONGEST]) for column, value in given.items() if not column.better
    ]
    client.log_batch(run, metrics=metrics, params=params)
    client.log_artifact(run, str(path))
    client.set_terminated(run, STATUS.get(result.status, "FINISHED"))
