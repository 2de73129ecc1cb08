"""Long frames of samples, rounds and operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.measure.pass_results import Operator, Profile
from etbench.results import (
    compare_precisions,
    load_results,
    operators,
    pareto_front,
    round_table,
    rounds,
    samples,
    to_frame,
)
from etbench.results.analysis.cells import WHOSE
from etbench.results.analysis.measurements import OF_OPERATORS, OF_ROUNDS, OF_SAMPLES
from etbench.results.charts import speedup_bars
from etbench.results.files.store import write_result
from etbench.results.schema import Result, RoundFacts

MakeResult = Callable[..., Result]
LOAD = MachineLoad(
    other_cpu_share=0.25, steal_share=None, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.fixture
def folder(make_result: MakeResult, failed: Result, tmp_path: Path) -> Path:
    """A profiled cell, one without facts of its rounds, a failed one, a copy, and what is no result."""
    facts = [
        RoundFacts(block=block, started_s=block, load_ms=2, first_inference_ms=3, warmup=5, load=LOAD)
        for block in (4, 9)
    ]
    found = [Operator(name="conv", kind="delegated", instruction=0, mean_ms=1.0, share=0.5)] * 2
    profile = Profile(execute_ms=2.0, elsewhere_ms=0.0, inferences=5, operators=found)
    cell = make_result(rounds=[[1.0, 2.0, 3.0], [4.0]], round_facts=facts, profile=profile)
    for name, result in (
        ("a", cell),
        ("b", make_result(precision="int8", rounds=[[5.0, 6.0]])),
        ("c", failed),
        ("d", cell),
    ):
        write_result(result, tmp_path, name)
    (tmp_path / "e.json").write_text("{")
    return tmp_path


def test_a_sample_has_its_round_and_block(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = samples(folder)
    assert list(table.columns) == [*WHOSE, *OF_SAMPLES]
    assert list(table["ms"]) == [1, 2, 3, 4, 5, 6]
    assert list(table["round"]) == [0, 0, 0, 1, 0, 0]
    assert list(table["sample"]) == [0, 1, 2, 0, 0, 1]
    assert table["block"].tolist() == [4, 4, 4, 9, pd.NA, pd.NA]
    assert list(table["precision"]) == ["fp32"] * 4 + ["int8"] * 2
    assert "e.json" in caplog.text


def test_a_round_has_quartiles_and_what_was_recorded_of_it(folder: Path) -> None:
    table = rounds([folder])
    assert list(table.columns) == [*WHOSE, *OF_ROUNDS]
    assert list(table["median_ms"]) == [2, 4, 5.5]
    assert table["block"].tolist() == [4, 9, pd.NA]
    assert table["other_cpu_share"].dropna().tolist() == [0.25, 0.25]
    assert list(table["cell"]) == list(table["model"] + " " + table["precision"] + " " + table["delegate"])


def test_an_operator_has_its_cell(folder: Path) -> None:
    table = operators(folder / "a.json")
    assert list(table.columns) == [*WHOSE, *OF_OPERATORS]
    assert list(table["position"]) == [0, 1]
    assert set(table["file"]) == {str(folder / "a.json")}


@pytest.mark.parametrize("read", [load_results, samples, rounds, operators])
def test_no_column_holds_objects(read: Callable[[Path], pd.DataFrame], folder: Path) -> None:
    assert not read(folder).dtypes.eq("object").any()


@pytest.mark.parametrize("read", [samples, rounds, operators])
def test_no_results_give_an_empty_frame(read: Callable[[Path], pd.DataFrame], tmp_path: Path) -> None:
    table = read(tmp_path)
    assert table.empty
    assert len(table.columns) > len(WHOSE)


def test_a_saved_frame_can_be_compared_later(folder: Path, tmp_path: Path) -> None:
    load_results(folder).to_parquet(tmp_path / "kept.parquet")
    frame = pd.read_parquet(tmp_path / "kept.parquet")
    whole = load_results(folder, raw=True)
    pd.testing.assert_frame_equal(compare_precisions(frame), compare_precisions(whole))
    pd.testing.assert_frame_equal(pareto_front(frame), pareto_front(whole))
    assert speedup_bars(frame).to_dict() == speedup_bars(whole).to_dict()
    with pytest.raises(EtbenchError, match="keep `file`"):
        compare_precisions(frame.drop(columns="file"))


def test_rounds_and_round_table_agree(folder: Path, make_result: MakeResult) -> None:
    result = make_result(precision="int8", rounds=[[5.0, 6.0]])
    assert round_table([result])["median_ms"].tolist() == rounds(folder / "b.json")["median_ms"].tolist()
    assert to_frame([result])["varied"].tolist() == [""]
