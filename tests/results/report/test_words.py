"""The summary in words, on cells whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from report_cells import steady

from etbench.host.load import MachineLoad
from etbench.measure.pass_results import ItemAnswers
from etbench.results import to_frame
from etbench.results.report.content import gather
from etbench.results.report.markdown import markdown_comment
from etbench.results.report.words import Summary, _choices, summarize_in_words
from etbench.results.schema import CellComparison, InTurn, Result, RoundFacts
from etbench.results.tables.labels import label_cells
from etbench.stats import assess

pytestmark = pytest.mark.early

MakeResult = Callable[..., Result]
QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


def _said(*results: Result) -> Summary:
    return summarize_in_words(label_cells(to_frame(results)), results)


def _points(*results: Result) -> dict[str, list[str]]:
    return {point.title: point.lines for point in _said(*results).points}


def test_one_cell(make_result: MakeResult) -> None:
    said = _said(make_result())
    assert said.lead == "One cell, measured: resnet18 fp32 xnnpack."
    assert _points(make_result())["Fastest"] == ["resnet18 fp32 xnnpack, 10 ms."]


def test_no_cell() -> None:
    assert _said() == Summary(lead="There are no results.", points=[])


def test_everything(everything: list[Result]) -> None:
    said = _said(*everything)
    assert said.lead == "7 of 9 cells were measured: 5 models, 3 precisions, 2 delegates."
    points = {point.title: point.lines for point in said.points}
    (fastest,) = points["Fastest"]
    assert fastest.startswith(
        "resnet18 int8 xnnpack, 4 ms, significantly faster than all others (95 % for all"
    )
    assert "more than twice as fast" in fastest and "not interleaved" in fastest
    (lowest,) = points["Lowest median latency"]
    assert lowest.startswith("mobilenet_v2 int8 xnnpack, 1.2 ms, ") and "not interleaved" in lowest
    assert (
        points["Smallest"][0] == "int8 on xnnpack for both models: 4 MB (mobilenet_v2) to 10 MB (resnet18)."
    )
    assert points["int8 instead of fp32"] == [
        "on xnnpack: 1.67 to 2.5 times as fast (median 2.08 of 2); all without an interval; "
        "71.4 to 75 % smaller; SQNR 12 to 30 dB, lowest for mobilenet_v2."
    ]
    assert points["xnnpack instead of portable"] == ["in fp32: 400 times as fast; without an interval."]
    assert points["Failed"] == ["gpt2 int8 xnnpack: at stage lower: no such op"]
    assert points["Skipped"] == ["gpt2 fp16 xnnpack: fp16 is not tried yet"]


@pytest.mark.parametrize(
    ("more", "title", "code"),
    [
        ({"weights": "random"}, "Notes", "weights.random"),
        ({"truncated": True}, "Read with care", "latency.truncated"),
        ({"source": "flat"}, "Notes", "latency.summary"),
        ({"sqnr_db": 5.0}, "Wrong", "parity.fp32_differs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_findings_stand_under_their_severity(
    more: dict[str, Any], title: str, code: str, make_result: MakeResult
) -> None:
    (line,) = [line for line in _points(make_result(**more))[title] if line.endswith(f"[{code}]")]
    assert "resnet18" in line


def test_a_wrong_cell_is_in_no_choice(make_result: MakeResult) -> None:
    points = _points(make_result(rounds=steady(1.0), sqnr_db=5.0), make_result("other", rounds=steady(9.0)))
    assert "other fp32 xnnpack" in points["Fastest"][0]


def test_trained_weights_need_no_care(make_result: MakeResult) -> None:
    assert "Read with care" not in _points(make_result(weights="pretrained"))


def test_repeated_cells_are_told_apart(make_result: MakeResult) -> None:
    lines = _points(make_result(), make_result(created_at="2027"))["Read with care"]
    assert lines[-1] == (
        "2 results of cells that were measured more than once; their names have the folder or, in order of "
        "time, #1, #2 …"
    )


def _in_turn(make_result: MakeResult, precision: str, medians_ms: Sequence[float]) -> Result:
    facts = [
        RoundFacts(block=block, started_s=block, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET)
        for block in range(len(medians_ms))
    ]
    rounds = [[float(ms)] for ms in medians_ms]
    return make_result(precision=precision, rounds=rounds, round_facts=facts, turn_id="t")


def test_the_lead_is_over_all_others_and_not_the_second_alone(make_result: MakeResult) -> None:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.01, (3, 20)))
    first, second = _in_turn(make_result, "int8", 5 * noise[0]), _in_turn(make_result, "fp16", 6 * noise[1])
    assert _points(first, second)["Fastest"][0].endswith(", significantly faster than all others (95 %).")
    close = _in_turn(make_result, "fp32", 5.001 * noise[2])
    undecided = _points(first, second, close)
    assert "Fastest" not in undecided
    assert undecided["Lowest median latency"][0].endswith(
        ", not significantly faster than all others (95 %)."
    )


def test_of_several_models_those_with_a_lead_stand_apart_from_those_without(make_result: MakeResult) -> None:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.01, (2, 20)))
    cells = [
        msgspec.structs.replace(_in_turn(make_result, name, ms * row), model_name=model, turn_id=model)
        for model, slower in (("a", 2.0), ("b", 3.0), ("c", 1.0), ("d", 1.001))
        for name, ms, row in (("int8", 5.0, noise[0]), ("fp32", 5.0 * slower, noise[1]))
    ]
    points = _points(*cells)
    assert points["Fastest"] == [
        "int8 on xnnpack for 2 of 4 models: 4.99 ms (a) to 4.99 ms (b).",
        "Significantly faster than all others (95 % for all models together).",
    ]
    *lines, evidence = points["Lowest median latency"]
    assert evidence == "Not significantly faster than all others (95 % for all models together)."
    assert all(line.startswith(("int8 on xnnpack for", "fp32 on xnnpack for")) for line in lines)


def test_every_level_is_called_known_only_if_every_measured_cell_shows_it(make_result: MakeResult) -> None:
    quiet = make_result(rounds=steady(10.0), stability=assess(steady(10.0)))
    assert "Noise" in _points(quiet)
    summary = make_result("imported", source="flat", rounds=[], latency_ms=quiet.latency_ms)
    assert "Noise" not in _points(quiet, summary)


def test_a_lead_over_a_cell_of_another_run_is_not_judged_unless_it_is_far(make_result: MakeResult) -> None:
    first = make_result(precision="int8", rounds=steady(10.0))
    (lowest,) = _points(first, make_result(rounds=steady(12.0)))["Lowest median latency"]
    assert lowest.startswith("resnet18 int8 xnnpack, 10 ms, ") and "not interleaved" in lowest
    alone = _points(first, make_result(rounds=steady(30.0)))["Fastest"][0]
    assert "significantly faster than all" in alone
    assert "more than twice as fast" in alone and "not interleaved" in alone


def test_of_equal_cells_one_is_ahead_in_at_most_5_of_100_reports(make_result: MakeResult) -> None:
    random, false = np.random.default_rng(0), 0
    for _ in range(200):
        noise = np.exp(random.normal(0, 0.05, (2, 20)))
        cells = [
            _in_turn(make_result, name, 5 * row) for name, row in zip(("int8", "fp32"), noise, strict=True)
        ]
        frame = label_cells(to_frame(cells))
        false += ", significantly" in next(_choices(frame)).lines[0]
    assert false <= 18  # 10 are expected of 200 at 5 %


def test_a_model_with_one_cell_has_no_second(make_result: MakeResult) -> None:
    cells = [make_result(p50=4.0, rounds=steady(4.0), precision="int8"), make_result(rounds=steady(10.0))]
    (fastest,) = _points(*cells, make_result("alone"))["Fastest"]
    assert fastest.startswith("resnet18 int8 xnnpack, 4 ms, significantly faster than all others (95 %, or ")
    assert "more than twice as fast" in fastest
    several = _points(make_result("alone"), make_result("other", p50=2.0))
    assert several["Latency"] == [
        "One cell for each model: 2 ms (other fp32 xnnpack) to 10 ms (alone fp32 xnnpack)."
    ]
    assert "Fastest" not in several


def test_of_equally_accurate_cells_the_fastest_counts(make_result: MakeResult) -> None:
    slow = make_result(delegate="portable", p50=900.0, sqnr_db=121.0)
    assert _points(slow, make_result(sqnr_db=119.0))["Closest to eager fp32"] == [
        "resnet18 fp32 xnnpack, 119 dB."
    ]


@pytest.mark.parametrize(("lost", "doubt"), [(4, True), (100, False)], ids=["within chance", "worse"])
def test_the_most_accurate_cell_is_named_by_its_accuracy_and_those_not_shown_to_be_worse(
    make_result: MakeResult, lost: int, doubt: bool
) -> None:
    def judged(precision: str, p50: float, right: int) -> Result:
        answers = ItemAnswers.of(np.arange(897) < right, "a" * 64)
        figures = {"evaluation": {"top1": answers.share}, "evaluation_items": {"top1": answers}}
        return make_result(precision=precision, p50=p50, weights="pretrained", **figures)

    fp32, int8 = judged("fp32", 10.0, 890), judged("int8", 5.0, 890 - lost)
    (line,) = _points(fp32, int8)["Most accurate (eval_top1)"]
    assert line.startswith("resnet18 fp32 xnnpack, 99.22%")
    assert ("not shown to be better than resnet18 int8 xnnpack" in line) is doubt
    random = [msgspec.structs.replace(one, weights="random") for one in (fp32, int8)]
    assert "Most accurate (eval_top1)" not in _points(*random)
    page = markdown_comment(gather([fp32, int8]))
    assert "<summary>Accuracy compared with fp32</summary>" in page


def test_verdicts_against_a_base_are_told(make_result: MakeResult) -> None:
    comparison = CellComparison(
        model="resnet18",
        precision="fp32",
        delegate="xnnpack",
        base_ms=9.0,
        new_ms=10.0,
        how="in turn",
        ratio=1.111,
        low=1.09,
        high=1.13,
        verdict="slower",
        regression=True,
        decision="regression",
        threshold=0.05,
    )
    in_turn = InTurn(
        base_file="b.json",
        base_program="kept",
        threshold=0.05,
        comparison=comparison,
        base_rounds=[[9.0]],
        base_facts=[],
    )
    (point,) = [
        p for p in _said(make_result(in_turn=in_turn)).points if p.title == "Compared with the baseline"
    ]
    assert point.kind == "bad"
    assert point.lines == [
        "1 cell compared, 1 regression; a slowdown of up to 5 % is allowed.",
        "resnet18 fp32 xnnpack: slower, a regression (new / baseline 1.111, 95 % 1.090 to 1.130).",
    ]
