"""The page of columns has them all, and the CI recipe's commands run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from etbench.cli.main import main
from etbench.preflight.command_line import check_command_line
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.results.tables.reference import columns_page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_has_every_column_of_every_table(tmp_path: Path) -> None:
    samples = DOCS.parent / "outputs"
    assert (
        main(
            ["aggregate", str(samples / "sample_sweep"), str(samples / "sample_profile"), "-o", str(tmp_path)]
        )
        == 0
    )
    assert main(["history", str(samples / "sample_history"), "-o", str(tmp_path)]) == 0
    tables = {path.stem: path.read_text().splitlines()[0].split(",") for path in tmp_path.glob("*.csv")}
    assert tables.keys() > {
        "results",
        "precision_comparison",
        "ranking",
        "pivot",
        "profile",
        "delegation",
        "history",
    }
    page = columns_page()
    for table, names in tables.items():
        for name in names:
            written = (
                "{precision}_{delegate}_p50_ms" if table == "pivot" and name.endswith("_p50_ms") else name
            )
            assert f"| `{written}` |" in page, f"{name} of {table}.csv"


def test_the_workflow_is_valid_and_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_result: Callable[..., Result]
) -> None:
    workflow = yaml.safe_load((DOCS / "ci-gate.yml").read_text(encoding="utf-8"))
    steps = {step.get("name"): step.get("run", "") for step in workflow["jobs"]["gate"]["steps"]}
    check_command_line(shlex.split(re.sub("python -m etbench ", "", steps["Measure"])))
    compare = steps["Compare"].split("|")[0].removeprefix("etbench ")
    monkeypatch.chdir(tmp_path)
    write_result(make_result(), Path("outputs/base"), "a")
    write_result(make_result(), Path("outputs/new"), "a")
    assert main(shlex.split(compare)) == 4, "summaries of one round each decide nothing"
    write_result(
        make_result(pte_bytes=2_000, created_at="2026-02-01T00:00:00+00:00"), Path("outputs/new"), "b"
    )
    assert main(shlex.split(compare)) == 3
