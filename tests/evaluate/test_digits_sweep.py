"""The digits model for real: three precisions, judged on images that none of them has seen, offline."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from running import Sweep, etbench

from etbench.results.files.store import read_results

pytestmark = pytest.mark.build


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The finished sweep of a network that per-tensor int8 harms."""
    cwd = tmp_path_factory.mktemp("digits")
    process = etbench(
        *("-m", "model=digits_spread", "precision=fp32,int8,int8_per_tensor", "evaluate=top1"),
        *("repeat=quick", "passes.load=1", "sweep.builders=1", "hydra.sweep.dir=swept"),
        cwd=cwd,
        HF_HUB_OFFLINE="1",
    )
    assert process.returncode == 0, process.stdout + process.stderr
    found, unreadable = read_results([cwd / "swept"])
    assert not unreadable, unreadable
    results = {(r.model_name, r.precision_short, r.delegate): r for _, r in found}
    return Sweep(process, cwd / "swept", results, cwd)


def test_the_precisions_are_judged_on_the_same_unseen_images(sweep: Sweep) -> None:
    shares = {key[1]: result.evaluation_items["top1"] for key, result in sweep.results.items()}
    assert {items.count for items in shares.values()} == {897}
    assert len({items.items_sha256 for items in shares.values()}) == 1
    assert shares["fp32"].share > 0.95
    assert shares["fp32"].share - shares["int8"].share < 0.03
    assert shares["fp32"].share - shares["int8_per_tensor"].share > 0.02
    used = {result.artifact.data_use.source for result in sweep.results.values() if result.artifact}
    assert used == {"own"}


def test_the_accuracy_is_a_column_in_console_tables_and_report(sweep: Sweep) -> None:
    printed = sweep.process.stdout.splitlines()
    assert any("eval_top1" in line for line in printed)
    (judged,) = [line for line in printed if line.split()[1:4] == ["int8_per_tensor", "xnnpack", "top1"]]
    assert " pp" in judged
    assert "worse" in judged
    rows = list(csv.DictReader((sweep.folder / "results.csv").read_text().splitlines()))
    for row in rows:
        key = (row["model"], row["precision"], row["delegate"])
        assert float(row["eval_top1"]) == sweep.results[key].evaluation["top1"]
        assert float(row["eval_top1_ci95_low"]) < float(row["eval_top1"]) < float(row["eval_top1_ci95_high"])
    verdicts = {row["precision"]: row["verdict"] for row in _read(sweep.folder / "accuracy.csv")}
    assert verdicts["int8_per_tensor"] == "worse"
    page = (sweep.folder / "report.html").read_text()
    assert "<h2>Accuracy</h2>" in page and "eval_top1" in page


def _read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
