"""The speedup in the tables: with an interval where blocks give one, and never of two machines."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from etbench.host.load import MachineLoad
from etbench.results import aggregate, compare_delegates, compare_precisions, load_results, to_frame
from etbench.results.files.store import write_result
from etbench.results.report.words import summarize_in_words
from etbench.results.schema import Result, RoundFacts
from etbench.results.tables.labels import label_cells
from etbench.results.tables.metrics import RAW
from etbench.results.tables.speedup import FIGURES
from etbench.stats import LatencyMs

MakeResult = Callable[..., Result]
FLAT = Path(__file__).parents[2] / "data" / "flat_results"
DRIFT = [1 + 0.5 * (block % 3) for block in range(30)]  # what both cells of a block have in common
QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


def _rounds(p50: float, seed: int) -> list[list[float]]:
    noise = random.Random(seed)
    return [[p50 * drift * noise.uniform(0.98, 1.02) for _ in range(3)] for drift in DRIFT]


def _facts(first_block: int = 0) -> list[RoundFacts]:
    return [
        RoundFacts(
            block=first_block + number,
            started_s=float(number),
            load_ms=1.0,
            first_inference_ms=1.0,
            warmup=1,
            load=QUIET,
        )
        for number in range(len(DRIFT))
    ]


@pytest.fixture
def cell(make_result: MakeResult) -> MakeResult:
    """A function that makes a cell of 30 rounds that drift together, measured in the turn of that name."""

    def make(precision: str, p50: float, turn: str | None, *, seed: int = 0, **more: object) -> Result:
        facts = _facts(int(more.pop("first_block", 0)))
        rounds = _rounds(p50, seed=seed)
        return make_result(precision=precision, rounds=rounds, round_facts=facts, turn_id=turn, **more)

    return make


def _only(frame: pd.DataFrame) -> pd.Series:
    (row,) = (row for _, row in frame.iterrows())
    return row


def test_cells_of_one_turn_are_compared_block_by_block(cell: MakeResult) -> None:
    results = [cell("fp32", 10.0, "t", seed=1), cell("int8", 4.0, "t", seed=2)]
    row = _only(compare_precisions(to_frame(results)))
    assert row["how"] == "in turn"
    assert row["speedup_ci95_low"] < row["speedup"] < row["speedup_ci95_high"]
    assert row["speedup"] == pytest.approx(2.5, rel=0.01)
    assert row["speedup_ci95_high"] / row["speedup_ci95_low"] < 1.03, "the common drift is in the interval"


@pytest.mark.parametrize(
    "other",
    [{"turn": "u"}, {"turn": None}, {"turn": "t", "own_blocks": True}, {"turn": "t", "first_block": 100}],
    ids=["another turn", "no turn", "blocks of its own", "no block in common"],
)
def test_other_cells_have_a_ratio_without_an_interval(cell: MakeResult, other: dict[str, object]) -> None:
    turn = other.pop("turn")
    results = [cell("fp32", 10.0, "t", seed=1), cell("int8", 4.0, turn, seed=2, **other)]
    row = _only(compare_precisions(to_frame(results)))
    assert (row["how"], row["basis"]) == ("separate", "median")
    assert row["speedup"] == pytest.approx(2.5, rel=0.02)
    assert pd.isna(row["speedup_ci95_low"])
    assert pd.isna(row["speedup_ci95_high"])


def _on(result: Result, **facts: object) -> Result:
    return msgspec.structs.replace(result, environment=msgspec.structs.replace(result.environment, **facts))


@pytest.mark.parametrize("named", ["Debian GNU/Linux 12", None], ids=["today's results", "older results"])
def test_two_machines_of_one_name_are_never_in_one_ratio(named: str | None, make_result: MakeResult) -> None:
    fp32 = _on(make_result(precision="fp32"), host="vm", cpu="EPYC", system=named)
    int8 = _on(make_result(precision="int8", p50=12.0), host="vm", cpu="Xeon", system=named)
    frame = to_frame([fp32, int8])
    assert compare_precisions(frame).empty
    points = summarize_in_words(label_cells(frame), [fp32, int8]).points
    assert not [point.title for point in points if "instead of" in point.title]


def test_one_machine_under_two_names_is_one(make_result: MakeResult) -> None:
    fp32, int8 = (_on(make_result(precision=name), host=name) for name in ("fp32", "int8"))
    assert len(compare_precisions(to_frame([fp32, int8]))) == 1


def test_separate_runs_of_other_versions_are_not_compared_and_interleaved_ones_are(
    make_result: MakeResult, cell: MakeResult
) -> None:
    fp32, int8 = make_result(precision="fp32"), _on(make_result(precision="int8"), kernel="6.2.0")
    assert compare_precisions(to_frame([fp32, int8])).empty
    fp32, int8 = cell("fp32", 10.0, "t", seed=1), _on(cell("int8", 4.0, "t", seed=2), kernel="6.2.0")
    assert _only(compare_precisions(to_frame([fp32, int8])))["how"] == "in turn"


def test_summaries_without_medians_have_a_ratio_of_their_means() -> None:
    frame = load_results(FLAT)
    row = _only(compare_precisions(frame).query("model == 'mobilenet_v2'"))
    assert row["speedup"] == pytest.approx(1.71, abs=0.005)
    assert (row["how"], row["basis"]) == ("summaries", "mean")
    assert pd.isna(row["speedup_ci95_low"])
    row = _only(compare_delegates(frame).query("model == 'mobilenet_v2'"))
    assert row["speedup"] == pytest.approx(719.04 / 2.43)


def test_a_summary_with_a_median_is_compared_by_what_both_have(make_result: MakeResult) -> None:
    def summary(precision: str, avg: float, p50: float | None, source: str = "executorch_v3") -> Result:
        latency = LatencyMs(avg=avg, p50=p50)
        unknown = {"artifact": None, "rounds": [], "parity": None, "weights": "unknown"}
        return make_result(precision=precision, latency_ms=latency, source=source, **unknown)

    both = _only(compare_precisions(to_frame([summary("fp32", 12.0, 10.0), summary("int8", 6.0, 2.0)])))
    assert (both["speedup"], both["basis"]) == (5.0, "median")
    one = _only(compare_precisions(to_frame([summary("fp32", 12.0, 10.0), summary("int8", 6.0, None)])))
    assert (one["speedup"], one["basis"]) == (2.0, "mean")
    other = summary("int8", 6.0, 2.0, source="google_benchmark")
    assert compare_precisions(to_frame([summary("fp32", 12.0, 10.0), other])).empty
    assert compare_precisions(to_frame([make_result(precision="fp32"), summary("int8", 6.0, 2.0)])).empty


def test_too_few_rounds_give_a_speedup_without_an_interval(make_result: MakeResult) -> None:
    results = [make_result(precision="fp32", p50=10), make_result(precision="int8", p50=4)]
    row = _only(compare_precisions(to_frame(results)))
    assert row["speedup"] == pytest.approx(2.5)
    assert pd.isna(row["speedup_ci95_low"])
    assert pd.isna(row["speedup_ci95_high"])


def test_of_several_bases_the_one_of_the_same_turn_counts(cell: MakeResult) -> None:
    bases = [cell("fp32", p50, turn, seed=3) for p50, turn in ((5.0, "a"), (10.0, "b"), (40.0, "t"))]
    row = _only(compare_precisions(to_frame([*bases, cell("int8", 4.0, "t", seed=4)])))
    assert row["how"] == "in turn"
    assert row["speedup"] == pytest.approx(10, rel=0.02)


def test_delegates_have_the_same_columns(make_result: MakeResult) -> None:
    results = [make_result(delegate="portable", p50=10), make_result(delegate="xnnpack", p50=5)]
    table = compare_delegates(to_frame(results))
    assert set(FIGURES) <= set(table.columns)
    assert _only(table)["speedup"] == pytest.approx(2)


def test_raw_columns_are_in_the_frame_and_in_no_file(cell: MakeResult, tmp_path: Path) -> None:
    result = cell("fp32", 10.0, "t")
    assert set(RAW) <= set(to_frame([result]).columns)
    write_result(result, tmp_path, "cell")
    aggregate([tmp_path], tmp_path)
    assert not set(RAW) & set(pd.read_csv(tmp_path / "results.csv").columns)
