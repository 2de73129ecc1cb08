"""What to ship: an answer where the measurements carry one, and the reason where they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from etbench.cli.main import main
from etbench.events import Failure
from etbench.host.load import MachineLoad
from etbench.measure.pass_results import ItemAnswers
from etbench.results.decision.bounds import parse_bound
from etbench.results.decision.candidates import Ratio
from etbench.results.decision.decide import Answer, decide, exit_status
from etbench.results.decision.rules import Rules, recorded_rules
from etbench.results.decision.words import (
    decision_markdown,
    decision_rows,
    headline,
    rules_in_words,
    trade_off,
)
from etbench.results.files.store import write_result
from etbench.results.schema import Result, RoundFacts

MakeResult = Callable[..., Result]
FASTEST = "latency_p50_ms"
QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)
HOW = {"hint": "", "traceback": ""}
FACTS: dict[str, Any] = {"started_s": 0, "load_ms": 1, "first_inference_ms": 1, "warmup": 1, "load": QUIET}


@pytest.fixture
def cell(make_result: MakeResult) -> Callable[..., Result]:
    """A function that makes a cell with trained weights, interleaved with the others; p50 in ms."""

    def make(precision: str, p50: float, top1: float | None = None, **more: Any) -> Result:
        noise = np.random.default_rng(list(precision.encode())).normal(0, 0.01, 30)
        sqnr_db = 100.0 if precision == "fp32" else 30.0
        more = {"weights": "pretrained", "turn_id": "one", "sqnr_db": sqnr_db} | more
        return make_result(
            precision=precision,
            rounds=[[p50 * float(np.exp(one))] for one in noise],
            round_facts=[RoundFacts(block=block, **FACTS) for block in range(30)],
            **({"evaluation": None if top1 is None else {"top1": top1}} | more),
        )

    return make


def _only(answers: list[Answer]) -> Answer:
    (answer,) = answers
    return answer


def _choose(*results: Result, bounds: dict[str, str] | None = None, **more: Any) -> Answer:
    return _only(decide(results, Rules.of(FASTEST, bounds), **more))


def test_the_fastest_of_the_accurate_ones_is_recommended_with_what_it_costs(
    cell: Callable[..., Result],
) -> None:
    cells = [
        cell("fp32", 10.0, 0.80, pte_bytes=40_000),
        cell("mixed", 5.0, 0.795, pte_bytes=12_000),
        cell("int8", 4.0, 0.70, pte_bytes=10_000),
    ]
    answer = _choose(*cells)
    assert (answer.answer, answer.ship.precision, answer.runner_up.precision) == ("ship", "mixed", "fp32")
    assert answer.ship.times_fp32.low < 2 < answer.ship.times_fp32.high
    assert [one.cell for one in answer.ruled_out] == ["resnet18 int8 xnnpack"]
    assert answer.ruled_out[0].why == "eval_top1 0.7, 0.8 in fp32; wanted >=-1pp vs fp32"
    assert "eval_top1 is compared as a number, without an interval" in answer.notes[0]
    page = decision_markdown([answer], Rules.of(FASTEST, None))
    assert ", +0.5 points top1, 3.33 times the size |" in page
    assert exit_status([answer]) == 0


def test_cells_that_the_rounds_cannot_tell_apart_are_too_close_to_call(make_result: MakeResult) -> None:
    cells = [make_result(p50=10.0), make_result(precision="int8", p50=9.0)]
    answer = _choose(*cells, bounds={"sqnr_db": ">=20"})
    assert (answer.answer, answer.ship) == ("too close", None)
    assert answer.close == ["resnet18 int8 xnnpack", "resnet18 fp32 xnnpack"]
    assert "precision=int8,fp32 delegate=xnnpack repeat.rounds=30" in answer.settle
    assert exit_status([answer]) == 4


def test_the_command_that_settles_it_has_all_that_its_rounds_need_once(make_result: MakeResult) -> None:
    def measured(precision: str, rounds: int) -> Result:
        return make_result(
            precision=precision,
            rounds=[[10.0]] * rounds,
            stage_s={"time": 0.2 * rounds},
            config={"repeat": {"rounds": rounds, "rounds_s": 6.0, "max_rounds": 1000, "max_seconds": 120}},
            command=["model=resnet18", f"precision={precision}", "+repeat.rounds=30", "repeat.rounds_s=6"],
        )

    answer = _choose(measured("fp32", 100), measured("int8", 50), bounds={"sqnr_db": ">=20"})
    assert answer.answer == "too close"
    words = answer.settle.split()
    assert words[-3:] == ["repeat.rounds=400", "repeat.rounds_s=100", "repeat.max_seconds=200"]
    assert sum("repeat.rounds" in word for word in words) == 2
    most = _choose(measured("fp32", 1000), measured("int8", 50), bounds={"sqnr_db": ">=20"})
    assert (most.answer, most.settle) == ("too close", None)


def test_a_cell_that_is_far_faster_is_recommended_without_an_interval_and_that_is_said(
    make_result: MakeResult,
) -> None:
    cells = [make_result(p50=10.0), make_result(precision="int8", p50=4.0)]
    answer = _choose(*cells, bounds={"sqnr_db": ">=20"})
    assert (answer.answer, answer.ship.precision) == ("ship", "int8")
    assert answer.notes[-1].startswith("there is no interval against resnet18 fp32 xnnpack")
    (row,) = decision_rows([answer])
    assert row[4] == "2.5 ± ?"
    assert row[-1].startswith("fp32 xnnpack: 2.5 ± ? times as long")
    smallest = _only(decide(cells, Rules.of("pte_bytes", {"sqnr_db": ">=20"})))
    assert not any("no interval against" in note for note in smallest.notes)


def test_mixes_that_are_too_close_are_measured_again_by_their_number_of_blocks(
    make_result: MakeResult,
) -> None:
    def mixed(blocks: int, p50: float) -> Result:
        return make_result(
            precision=f"int8_blocks{blocks}" if blocks else "int8",
            p50=p50,
            config={"precision": {"name": "int8", "blocks": blocks, "min_sqnr_db": None}},
            command=["model=resnet18", "precision=int8", f"precision.blocks={blocks}"],
        )

    answer = _choose(mixed(2, 10.0), mixed(0, 9.0), bounds={"sqnr_db": ">=20"})
    assert "-m model=resnet18 precision=int8 delegate=xnnpack precision.blocks=null,2 repeat" in answer.settle


def test_a_cell_that_is_as_fast_within_5_percent_does_not_withhold_the_answer(
    cell: Callable[..., Result],
) -> None:
    answer = _choose(cell("fp32", 10.0, 0.8), cell("mixed", 10.01, 0.8))
    assert answer.answer == "ship"


@pytest.mark.parametrize(
    ("top1", "weights", "reason"),
    [
        (None, "pretrained", "accuracy unknown: no accuracy function was given (evaluate=…)"),
        (0.8, "random", "accuracy unknown: the weights are random"),
    ],
    ids=["no accuracy", "random weights"],
)
def test_nothing_is_recommended_without_the_accuracy_of_trained_weights(
    top1: float | None, weights: str, reason: str, cell: Callable[..., Result]
) -> None:
    cells = [cell(name, p50, top1, weights=weights) for name, p50 in (("fp32", 10.0), ("int8", 4.0))]
    answer = _choose(*cells)
    assert (answer.answer, answer.ship, answer.notes) == ("accuracy unknown", None, [reason])
    assert {one.precision for one in answer.candidates} == {"fp32", "int8"}
    assert exit_status([answer]) == 4


def test_the_front_has_no_cell_that_another_one_beats(cell: Callable[..., Result]) -> None:
    cells = [
        cell("fp32", 10.0, sqnr_db=100.0, pte_bytes=40_000),
        cell("int8", 4.0, sqnr_db=25.0, pte_bytes=10_000),
        cell("fp16", 20.0, sqnr_db=60.0, pte_bytes=40_000),
    ]
    assert [one.precision for one in _choose(*cells).candidates] == ["int8", "fp32"]


def test_a_wrong_or_failed_cell_is_never_recommended(cell: Callable[..., Result]) -> None:
    answer = _choose(
        cell("fp32", 10.0, 0.8),
        cell("fp32", 1.0, 0.8, delegate="portable", sqnr_db=5.0),
        cell(
            "fp16",
            1.0,
            status="failed",
            failure=Failure(stage="lower", kind="E", message="no such op", **HOW),
        ),
    )
    assert answer.ship.cell == "resnet18 fp32 xnnpack"
    out = {one.cell.removeprefix("resnet18 "): one.why for one in answer.ruled_out}
    assert out["fp16 xnnpack"] == "failed: no such op"
    assert out["fp32 portable"].startswith("wrong: parity.fp32_differs")


def test_a_figure_that_is_missing_breaks_its_bound(cell: Callable[..., Result]) -> None:
    answer = _choose(cell("fp32", 10.0), bounds={"peak_memory_bytes": "<=1GB"})
    assert answer.answer == "no cell"
    assert answer.ruled_out[0].why == "peak_memory_bytes is unknown"
    assert exit_status([answer]) == 1
    alone = _choose(cell("int8", 4.0, 0.8))
    assert alone.ruled_out[0].why == "eval_top1 of fp32 is unknown"


def test_a_bound_inside_of_the_interval_of_the_latency_is_undecided(cell: Callable[..., Result]) -> None:
    cells = [cell("fp32", 10.0), cell("int8", 5.0)]
    for limit, answer in ((0.5, "too close"), (0.6, "ship"), (0.4, "no cell")):
        found = _choose(*cells, bounds={FASTEST: f"<={limit}x vs fp32"})
        assert found.answer == answer, (limit, found)
    unclear = _choose(*cells, bounds={FASTEST: "<=0.5x vs fp32"})
    assert unclear.close == ["resnet18 int8 xnnpack"]
    assert unclear.unclear["resnet18 int8 xnnpack"].startswith("latency_p50_ms / fp32 0.5")
    assert unclear.safe is None


@pytest.mark.parametrize(
    ("limit", "expected"), [("<=21ms", "ship"), ("<=12ms", "too close"), ("<=4ms", "no cell")]
)
def test_a_latency_without_an_interval_is_known_to_a_factor_of_two(
    limit: str, expected: str, make_result: MakeResult
) -> None:
    answer = _choose(make_result(p50=10.0), bounds={FASTEST: limit})
    assert answer.answer == expected
    if expected == "too close":
        (words,) = answer.unclear.values()
        assert "10 ms (too few rounds for an interval)" in words
    cells = [make_result(p50=10.0), make_result(precision="int8", p50=4.0)]
    apart = _choose(*cells, bounds={FASTEST: "<=0.5x vs fp32"})
    assert "(no interval: not interleaved)" in apart.unclear["resnet18 int8 xnnpack"]


def _answers(lost: int, won: int) -> ItemAnswers:
    """Answers that lose and win so many of 897 items against `_answers(0, 0)`, of which ten are wrong."""
    correct = np.ones(897, bool)
    correct[won:10] = False
    correct[10 : 10 + lost] = False
    return ItemAnswers.of(correct, "a" * 64)


@pytest.mark.parametrize(
    ("lost", "won", "expected"),
    [(0, 0, "ship"), (8, 2, "too close"), (133, 0, "fp32")],
    ids=["equal", "within chance", "worse"],
)
def test_an_accuracy_of_the_same_items_is_judged_item_by_item(
    lost: int, won: int, expected: str, cell: Callable[..., Result]
) -> None:
    base, new = _answers(0, 0), _answers(lost, won)
    cells = [
        cell("fp32", 10.0, base.share, evaluation_items={"top1": base}),
        cell("int8", 4.0, new.share, evaluation_items={"top1": new}),
    ]
    answer = _choose(*cells)
    if expected == "too close":
        assert (answer.answer, answer.close) == (expected, ["resnet18 int8 xnnpack"])
        why = answer.unclear["resnet18 int8 xnnpack"]
        assert "eval_top1 98.22%, 98.89% in fp32 (change -1.55 to +0.03 pp)" in why
        assert "897 items do not decide it: about 6,500 would" in why
        assert answer.safe.precision == "fp32"
        rows = list(decision_rows([answer]))
        assert [row[1] for row in rows] == ["not proven: int8 xnnpack", "safe: fp32 xnnpack"]
        assert headline([answer]) == "resnet18: not proven. Until it is known, ship resnet18 fp32 xnnpack."
    else:
        assert not answer.notes
        assert answer.ship.precision == ("int8" if expected == "ship" else "fp32")


def test_more_rounds_are_not_advised_for_a_cell_that_lacks_items(make_result: MakeResult) -> None:
    def judged(precision: str, p50: float, found: ItemAnswers) -> Result:
        items = {"evaluation": {"top1": found.share}, "evaluation_items": {"top1": found}}
        return make_result(precision=precision, p50=p50, weights="pretrained", **items)

    answer = _choose(judged("fp32", 10.0, _answers(0, 0)), judged("int8", 9.0, _answers(8, 2)))
    assert answer.close == ["resnet18 int8 xnnpack", "resnet18 fp32 xnnpack"]
    assert answer.settle is None
    assert "897 items do not decide it" in answer.unclear["resnet18 int8 xnnpack"]


def test_a_bound_on_an_accuracy_itself_counts_its_interval(cell: Callable[..., Result]) -> None:
    right = _answers(0, 0)  # 98.9 %, from 98.0 to 99.4
    alone = cell("int8", 4.0, right.share, evaluation_items={"top1": right})
    for limit, answer in ((">=97%", "ship"), (">=98.5%", "too close"), (">=99.5%", "no cell")):
        assert _choose(alone, bounds={"eval_top1": limit}).answer == answer, limit
    (out,) = _choose(alone, bounds={"eval_top1": ">=98"}).ruled_out
    assert "write >=98%" in out.why


def test_a_ratio_that_may_be_1_is_shown_as_its_interval(cell: Callable[..., Result]) -> None:
    answer = _choose(cell("fp32", 10.0, 0.8), cell("int8", 5.0, 0.8), cell("mixed", 10.01, 0.8))
    (shipped,) = decision_rows([answer])
    assert shipped[4].startswith("2")
    close = _choose(cell("fp32", 10.0), cell("int8", 9.95), bounds={})
    (equal,) = decision_rows([close])
    low, high = map(float, equal[4].split(" to "))
    assert 0.9 < low < 1 < high < 1.1


@pytest.mark.parametrize(
    ("factor", "low", "high", "words"),
    [
        (0.8, 0.78, 0.82, "25 % slower"),
        (0.4, 0.38, 0.42, "2.5 times as long"),
        (0.99, 0.95, 1.04, "3.8 % faster to 5.3 % slower"),
        (1.0, 0.995, 1.004, "as fast"),
    ],
)
def test_what_another_cell_costs_in_time_is_an_interval_if_it_may_cost_nothing(
    factor: float, low: float, high: float, words: str, cell: Callable[..., Result]
) -> None:
    answer = _choose(cell("fp32", 10.0, 0.8), cell("int8", 5.0, 0.8))
    ratio = Ratio(factor=factor, low=low, high=high)
    other = msgspec.structs.replace(answer.runner_up, times_ship=ratio)
    assert trade_off(answer.ship, other).startswith(words)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("eval_*", ">=-1pp vs fp32", "accuracy (eval_*) is at most 1 percentage point below fp32"),
        (
            "eval_top1",
            ">-0.5pp vs baseline",
            "eval_top1 is less than 0.5 percentage points below the baseline",
        ),
        ("eval_top1", ">=0pp vs fp32", "eval_top1 is at least that of fp32"),
        ("pte_bytes", "<=20MB", "pte_bytes is at most 20 MB"),
        ("pte_bytes", "<=+10% vs baseline", "pte_bytes is at most 10 % above the baseline"),
        ("latency_p50_ms", "<0.5x vs fp32", "latency_p50_ms is less than 0.5 times that of fp32"),
        ("sqnr_db", ">=20", "sqnr_db is at least 20"),
    ],
)
def test_a_bound_in_words(name: str, text: str, words: str) -> None:
    assert parse_bound(name, text).in_words == words
    assert rules_in_words(Rules.of(FASTEST, {name: text})) == f"The fastest cell whose {words}."


def test_a_loss_is_no_accuracy(cell: Callable[..., Result]) -> None:
    cells = [
        cell("fp32", 10.0, evaluation={"top1": 0.8, "loss": 0.5}),
        cell("int8", 4.0, evaluation={"top1": 0.8, "loss": 0.1}),
    ]
    assert _choose(*cells).ship.precision == "int8"
    assert _choose(*cells, bounds={"eval_loss": ">=0.3"}).ship.precision == "fp32"


def test_a_loss_alone_answers_only_a_bound_that_names_it(cell: Callable[..., Result]) -> None:
    cells = [cell("fp32", 10.0, evaluation={"loss": 0.5}), cell("int8", 4.0, evaluation={"loss": 0.9})]
    (note,) = _choose(*cells).notes
    assert "eval_loss" in note
    assert "--bound 'eval_loss<=" in note
    assert _choose(*cells, bounds={"eval_loss": "<=0.6"}).ship.precision == "fp32"
    (note,) = _choose(*cells, bounds={"eval_los": "<=0.6"}).notes
    assert note == "accuracy unknown: there is no figure eval_los (did you mean 'eval_loss'?)"


def test_a_bound_may_be_relative_to_a_baseline(cell: Callable[..., Result]) -> None:
    new, before = cell("fp32", 10.0, pte_bytes=2_000_000), cell("fp32", 10.0, pte_bytes=1_000_000)
    bounds = {"pte_bytes": "<=+10% vs baseline"}
    assert _choose(new, bounds=bounds, baseline=[before]).ruled_out[0].why == (
        "pte_bytes 2 MB, 1 MB in baseline; wanted <=+10% vs baseline"
    )
    assert _choose(new, bounds=bounds, baseline=[new]).answer == "ship"
    assert "of baseline is unknown" in _choose(new, bounds=bounds).ruled_out[0].why


def test_each_model_has_its_answer_and_the_latest_of_repeated_results_counts(
    cell: Callable[..., Result],
) -> None:
    old = cell("fp32", 1.0, 0.8, created_at="2025-01-01T00:00:00+00:00", turn_id="old")
    answers = decide(
        [old, cell("fp32", 10.0, 0.8), cell("fp32", 3.0, 0.8, model="gpt2")], Rules.of(FASTEST, None)
    )
    assert [(one.setting, round(one.ship.value)) for one in answers] == [("gpt2", 3), ("resnet18", 10)]


def test_rules_are_those_of_the_sweep_if_all_its_cells_have_the_same() -> None:
    own = {"decision": {"objective": "pte_bytes", "bounds": {"sqnr_db": ">=30"}}}
    found = recorded_rules([own, own])
    assert (found.objective, [one.text for one in found.bounds]) == ("pte_bytes", [">=30"])
    assert recorded_rules([own, {}]) == recorded_rules([]) == Rules.of(FASTEST, None)


def test_the_command_prints_the_answer_and_exits_with_its_status(
    cell: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in (cell("fp32", 10.0, 0.80), cell("int8", 4.0, 0.795)):
        write_result(one, tmp_path, one.precision_short)
    assert main(["decide", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "resnet18  int8 xnnpack" in printed
    assert main(["decide", str(tmp_path), "--bound", "sqnr_db>=200", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["answers"][0]["answer"] == "no cell"
    assert main(["decide", str(tmp_path), "--objective", "pte_bytes", "--format", "markdown"]) == 0
    assert "| resnet18 | fp32 xnnpack |" in capsys.readouterr().out
    assert main(["decide", str(tmp_path), "--bound", "sqnr=3"]) == 2


def test_the_command_names_repeated_cells_by_their_folder_and_decides_without_bounds(
    cell: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = {"decision": {"bounds": {"sqnr_db": ">=200"}}}
    for folder, month in (("first", "01"), ("second", "02")):
        more = {"created_at": f"2026-{month}-01T00:00:00+00:00", "turn_id": folder, "config": declared}
        for one in (cell("fp32", 10.0, **more), cell("int8", 4.0, **more)):
            write_result(one, tmp_path / folder, one.precision_short)
    assert main(["decide", str(tmp_path), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["answers"][0]["answer"] == "no cell"
    assert main(["decide", str(tmp_path), "--bound", "none", "--format", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert answer["ship"]["cell"] == "resnet18 (second) int8 xnnpack"
    assert main(["decide", str(tmp_path), "--bound", "none", "--bound", "sqnr_db>=20"]) == 2
