"""What a cell's label says: the level is uncertain, or only the tail, and in which files it is found anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from etbench.results.files.store import read_result
from etbench.results.files.upgrade import fill_in
from etbench.results.schema import CellComparison, Generated, InTurn, Result
from etbench.stats import assess
from etbench.terminal.summary_table import chosen_figures, usual_figures

MakeResult = Callable[..., Result]
WIDE = [[5.0], [6.5]] * 6


def _compared(low: float, high: float) -> InTurn:
    names = {"model": "m", "precision": "fp32", "delegate": "xnnpack"}
    figures = {"base_ms": 5.0, "new_ms": 5.0, "ratio": 1.0, "low": low, "high": high}
    comparison = CellComparison(**names, **figures, how="in turn", verdict="same", regression=False)
    return InTurn(
        base_file="b", base_program="p", threshold=0.05, comparison=comparison, base_rounds=[], base_facts=[]
    )


@pytest.mark.parametrize(
    ("more", "label"),
    [
        ({}, "unstable"),
        ({"stability": assess([[5.0], [5.4]] * 6)}, "noisy"),
        ({"in_turn": _compared(0.98, 1.02)}, ""),
        ({"in_turn": _compared(0.90, 1.12)}, "unstable"),
        ({"stability": assess([[5.0]] * 6, steal_shares=[0.08] * 6, has_tail=True)}, "noisy tail"),
        ({"stability": assess([[5.0]] * 6, steal_shares=[0.08] * 6)}, ""),
        ({"status": "failed"}, ""),
    ],
    ids=["level", "level, less", "narrow ratio", "wide ratio", "tail", "no tail shown", "failed"],
)
def test_a_label_says_what_is_uncertain(more: dict[str, object], label: str, make_result: MakeResult) -> None:
    result = msgspec.structs.replace(make_result(rounds=WIDE, stability=assess(WIDE)), **more)
    assert result.uncertain == label


def test_a_file_of_an_older_version_is_labelled_by_these_rules(
    make_result: MakeResult, tmp_path: Path
) -> None:
    rounds = [[5.0 + n % 3 / 100] for n in range(30)]
    of_file = {"p50_ci95_low": 4.9, "p50_ci95_high": 5.1}
    raw = msgspec.to_builtins(make_result(rounds=rounds, stability=assess(rounds), weights="random"))
    del raw["stability"]["tail"]
    raw["stability"] |= {"verdict": "noisy", "reasons": ["other processes used 12% of the CPUs"]}
    raw["latency_ms"] |= of_file
    raw["findings"].append({"code": "latency.noisy", "severity": "warning", "message": "other processes"})
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(raw))
    result = read_result(tmp_path / "old.json")
    assert (result.stability.verdict, result.uncertain) == ("stable", "")
    assert {name: getattr(result.latency_ms, name) for name in of_file} == of_file
    assert [finding.code for finding in result.findings] == ["weights.random"]


def test_tokens_per_second_are_those_of_the_whole_time_also_in_older_files(make_result: MakeResult) -> None:
    rounds = [[1.0, 1.0, 4.0]] * 6
    spoken = Generated(time_to_first_token_ms=1.0, prefill_tokens_per_s=1.0, decode_tokens_per_s=1e3)
    result = make_result(rounds=rounds, stability=assess(rounds), generated=spoken)
    older = msgspec.structs.replace(result, stability=msgspec.structs.replace(result.stability, tail=None))
    assert fill_in(older).generated.decode_tokens_per_s == pytest.approx(18 / 36e-3)
    assert fill_in(result) is result


def test_a_percentile_is_shown_with_its_bound_or_not_at_all(make_result: MakeResult) -> None:
    few, many = make_result(), make_result(rounds=[[5.0 + n % 7 / 10] * 3 for n in range(150)])
    assert "p95" not in [figure.word for figure in usual_figures([few])]
    assert "p95" in [figure.word for figure in usual_figures([few, many])]
    (p95,) = chosen_figures(["p95"])
    assert (p95.text(few), p95.text(many)) == ("-", "5.6 ≤ 5.6")
    means = msgspec.structs.replace(few, inferences_per_sample=20)
    assert [figure.text(means) for figure in chosen_figures(["p50", "min", "max", "std"])] == [
        *("10", "-", "-", "-")
    ]
