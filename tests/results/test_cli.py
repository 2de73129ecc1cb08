"""`python -m etbench.results`, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from etbench.results.schema import Result
from etbench.results.store import write_result

PROGRAM = """
import sys
from etbench.results.__main__ import main
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
