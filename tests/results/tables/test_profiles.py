"""The operators of profiled cells, as files and on the console."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
from rich.console import Console

from etbench.measure.pass_results import Operator, Profile
from etbench.results import aggregate
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.results.tables.profiles import HEADER, profile_path, write_profile
from etbench.terminal.console import print_summary

MakeResult = Callable[..., Result]


def _profiled(make_result: MakeResult, model: str) -> Result:
    operators = [
        Operator(name="Add [ND] #1", kind="delegated", instruction=0, mean_ms=2.0, share=0.5),
        Operator(name="cumsum.out", kind="portable", instruction=1, mean_ms=1.5, share=0.375),
    ]
    profile = Profile(execute_ms=4.0, elsewhere_ms=0.5, inferences=9, operators=operators)
    return make_result(model, profile=profile)


def test_the_operators_of_all_profiled_cells_are_one_table(make_result: MakeResult, tmp_path: Path) -> None:
    for result in (_profiled(make_result, "one"), _profiled(make_result, "two"), make_result("none")):
        path = write_result(result, tmp_path, result.model_name)
        write_profile(result, path)
        assert profile_path(path).exists() is (result.profile is not None)
    aggregate([tmp_path], tmp_path)
    table = pd.read_csv(tmp_path / "profile.csv")
    assert list(table.columns) == list(HEADER)
    assert list(table["model"]) == ["one", "one", "two", "two"]
    assert list(table["operator"])[:2] == ["Add [ND] #1", "cumsum.out"]
    assert list(table["share"])[:2] == [0.5, 0.375]
    beside = pd.read_csv(tmp_path / "one.profile.csv")
    pd.testing.assert_frame_equal(beside, table[table["model"].eq("one")])


def test_without_a_profile_there_is_no_table_of_operators(make_result: MakeResult, tmp_path: Path) -> None:
    write_result(make_result(), tmp_path, "cell")
    aggregate([tmp_path], tmp_path)
    assert not (tmp_path / "profile.csv").exists()


def test_the_console_shows_the_ten_operators_that_take_longest(make_result: MakeResult) -> None:
    operators = [
        Operator(name=f"op [{n}]", kind="portable", instruction=n, mean_ms=n / 1.0, share=n / 66)
        for n in range(12)
    ]
    profile = Profile(execute_ms=66.0, elsewhere_ms=0.0, inferences=3, operators=operators)
    out = StringIO()
    print_summary([make_result(profile=profile)], Console(file=out, width=150))
    shown = [line for line in out.getvalue().splitlines() if "op [" in line]
    assert len(shown) == 10
    assert "op [11]" in shown[0]
    assert "16.7%" in shown[0]
    assert "op [2]" in shown[-1]
