"""`etbench`, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from etbench.results.files.store import write_result
from etbench.results.schema import Result

PROGRAM = """
import sys
from etbench.cli.main import main
status = main(sys.argv[1:])
assert not {"torch", "executorch", "transformers"} & set(sys.modules)
sys.exit(status)
"""


def _results(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)


def test_aggregate_writes_all_tables_without_torch(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    write_result(make_result(), tmp_path / "in", "a")
    write_result(make_result(precision="int8"), tmp_path / "in", "b")
    done = _results("aggregate", str(tmp_path / "in"), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("results.csv", "precision_comparison.csv", "delegate_comparison.csv", "ranking.csv", "pivot.csv"),
        "delegation.csv",
        "results.parquet",
    }
    header = (tmp_path / "out" / "pivot.csv").read_text().splitlines()[0]
    assert header == "model,fp32_xnnpack_p50_ms,int8_xnnpack_p50_ms"


def test_a_folder_that_is_not_there_is_bad_usage() -> None:
    done = _results("aggregate", "/no/such")
    assert done.returncode == 2
    assert "/no/such: no such file or folder" in done.stderr


def test_charts_writes_several_formats_at_once(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    write_result(make_result(), tmp_path, "a")
    done = _results("charts", str(tmp_path), "-o", str(tmp_path / "out"), "--format", "svg,pdf")
    assert done.returncode == 0, done.stderr
    heads = {path.name: path.read_bytes()[:4] for path in (tmp_path / "out").iterdir()}
    assert heads["pareto.svg"] == b"<svg"
    assert heads["pareto.pdf"] == b"%PDF"
    assert "speedup_bars.svg" not in heads, "there is nothing to compare"
    refused = _results("charts", str(tmp_path), "--format", "png,gif")
    assert refused.returncode == 2
    assert "unknown format 'gif'; choose from png, svg, pdf" in refused.stderr


def test_report_writes_a_page_beside_the_results(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    write_result(make_result(), tmp_path / "nightly", "a")
    (tmp_path / "nightly" / "half.json").write_text('{"schema_version": 1, "mod')
    done = _results("report", str(tmp_path / "nightly"))
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stderr
    page = (tmp_path / "nightly" / "report.html").read_text(encoding="utf-8")
    assert "<h1>nightly</h1>" in page
    assert "half.json: not valid JSON" in page


def test_report_as_markdown_goes_to_standard_output(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    write_result(make_result(), tmp_path / "nightly", "a")
    done = _results("report", str(tmp_path / "nightly"), "--format", "markdown", "--title", "of tonight")
    assert done.stdout.startswith("### etbench: of tonight\n\nOne cell, measured: resnet18 fp32 xnnpack.\n")
    assert [path.name for path in (tmp_path / "nightly").iterdir()] == ["a.json"]
