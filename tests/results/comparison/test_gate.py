"""The gate: conditions on any figure, missing and failing cells, a summary for a pull request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etbench.cli.main import main
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.results.comparison.gate import check_conditions, parse_condition
from etbench.results.files.store import write_result
from etbench.results.schema import Result, RoundFacts

MakeResult = Callable[..., Result]
QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.mark.parametrize(
    ("condition", "change", "violated"),
    [
        ("pte_bytes>+2%", {"pte_bytes": 1_021}, True),
        ("pte_bytes>+2%", {"pte_bytes": 1_020}, False),
        ("artifact_bytes>+2%", {"pte_bytes": 1_021}, True),
        ("pte_bytes > 20", {"pte_bytes": 1_021}, True),
        ("pte_bytes<-2%", {"pte_bytes": 900}, True),
        ("sqnr_db<-1", {"sqnr_db": 98.9}, True),
        ("sqnr_db<-1", {"sqnr_db": 99.1}, False),
        ("sqnr_db<-1", {"sqnr_db": None}, True),
    ],
)
def test_a_condition_is_on_the_change_from_base_to_new(
    condition: str, change: dict[str, float | None], violated: bool, make_result: MakeResult
) -> None:
    found = check_conditions([parse_condition(condition)], [(make_result(), make_result(**change))])
    assert [violation.condition for violation in found] == ([condition] if violated else [])


def test_outputs_equal_to_the_bit_are_better_than_any_sqnr(make_result: MakeResult) -> None:
    noisy = make_result()
    assert noisy.parity is not None
    exact = make_result(parity=msgspec.structs.replace(noisy.parity, sqnr_db=None, exact=True))
    condition = [parse_condition("sqnr_db<-1")]
    assert check_conditions(condition, [(noisy, exact), (exact, exact)]) == []
    assert len(check_conditions(condition, [(exact, noisy)])) == 1


def _with_tail(make_result: MakeResult, factor: float, **more: object) -> Result:
    rounds = (factor * np.random.default_rng(0).lognormal(0, 0.05, (30, 30))).tolist()
    facts = [
        RoundFacts(block=n, started_s=n, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET)
        for n in range(30)
    ]
    return make_result(**{"rounds": rounds, "round_facts": facts, "turn_id": "t"} | more)


def test_a_condition_on_a_tail_is_met_only_beyond_the_bounds(make_result: MakeResult) -> None:
    condition = [parse_condition("p99_bound>+5%")]
    base = _with_tail(make_result, 1.0)
    for factor, met in ((1.0, False), (1.06, False), (1.2, True)):
        found = check_conditions(condition, [(base, _with_tail(make_result, factor))])
        assert bool(found) is met
    assert found[0].message.startswith("at most ")
    assert found[0].change < 20  # percent: what has changed at least
    assert check_conditions([parse_condition("p99_bound<-5%")], [(base, base)]) == []


def test_a_tail_is_not_compared_with_that_of_a_separate_run(make_result: MakeResult) -> None:
    pair = (_with_tail(make_result, 1.0, turn_id="s"), _with_tail(make_result, 1.7))
    with pytest.raises(EtbenchError, match="resnet18 fp32 xnnpack: the two sides were not") as raised:
        check_conditions([parse_condition("p99_bound>+5%")], [pair])
    assert "compare_to=" in raised.value.hint and "repeat.tail=p99" in raised.value.hint


def test_a_tail_that_the_samples_do_not_bound_is_neither_met_nor_passed(make_result: MakeResult) -> None:
    few = [[1.0, 1.1, 1.2] for _ in range(30)]
    pair = (_with_tail(make_result, 1.0), _with_tail(make_result, 1.0, rounds=few))
    with pytest.raises(EtbenchError, match="cannot be decided for resnet18 fp32 xnnpack") as raised:
        check_conditions([parse_condition("p99_bound>+5%")], [pair])
    assert "repeat.tail=p99" in raised.value.hint


def test_a_finding_fails_a_cell_whose_baseline_does_not_have_it(make_result: MakeResult) -> None:
    trained, random = make_result(weights="a.pt"), make_result(weights="random")
    for text in ("finding:weights.random", "finding:weights.*"):
        (violation,) = check_conditions([parse_condition(text)], [(trained, random)])
        assert "weights.random" in violation.message
        assert check_conditions([parse_condition(text)], [(random, random), (random, trained)]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size>+2%", "no metric 'size'; the metrics are p95_bound, .*pte_bytes"),
        ("pte_bytes", "not a valid condition: write metric"),
        ("pte_bytes>=2%", "not a valid condition"),
        ("model>1", "no metric 'model'"),
        ("latency_p99_ms>+5%", "differ by chance; use p99_bound"),
        ("latency_p50_ms>+5%", "differ by chance; use --fail-above"),
        ("throughput_per_s<-5%", "differ by chance; use --fail-above"),
        ("finding:weights.randon", "no finding has the code .*did you mean 'weights.random'"),
    ],
)
def test_a_faulty_condition_names_what_there_is(text: str, message: str) -> None:
    with pytest.raises(EtbenchError, match=message):
        parse_condition(text)


def test_a_condition_that_could_never_fail_is_an_error(make_result: MakeResult) -> None:
    with pytest.raises(EtbenchError, match=r"can never fail: .*peak_memory_bytes"):
        check_conditions([parse_condition("peak_memory_bytes>1%")], [(make_result(), make_result())])


@pytest.fixture
def base(tmp_path: Path, make_result: MakeResult) -> str:
    """A folder with gpt2 int8 and resnet18 fp32, both measured."""
    write_result(make_result(), tmp_path / "base", "a")
    write_result(make_result("gpt2", "int8"), tmp_path / "base", "b")
    return str(tmp_path / "base")


@pytest.mark.parametrize("failing", [True, False], ids=["failing", "missing"])
def test_a_cell_that_is_missing_may_be_allowed_and_one_that_failed_may_not(
    failing: bool,
    base: str,
    tmp_path: Path,
    make_result: MakeResult,
    failed: Result,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_result(make_result(), tmp_path / "new", "a")
    if failing:
        write_result(failed, tmp_path / "new", "b")
    command = ["compare", base, str(tmp_path / "new"), "--allow-undecided"]
    assert main(command) == 1
    failure = "failed: gpt2 int8 xnnpack (failed: no such op)"
    said = failure if failing else "only in the baseline: gpt2 int8"
    assert said in capsys.readouterr().out
    assert main([*command, "--allow-missing"]) == (1 if failing else 0)


def test_the_markdown_summary_says_what_failed(
    base: str, tmp_path: Path, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(make_result(pte_bytes=2_000), tmp_path / "new", "a")
    write_result(make_result("gpt2", "int8"), tmp_path / "new", "b")
    command = ["compare", base, str(tmp_path / "new"), "--format", "markdown"]
    assert main([*command, "--fail-if", "artifact_bytes>+2%", "--fail-if", "sqnr_db<-1"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("### etbench: condition met, undecided")
    assert "- artifact_bytes>+2%: resnet18 fp32 xnnpack: 1000 to 2000 (+100%)" in out
    assert main(command) == 4
    assert capsys.readouterr().out.startswith("### etbench: undecided")


def test_an_unknown_metric_is_bad_usage(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", base, base, "--fail-if", "bytes>1"]) == 2
    assert "the metrics are p95_bound" in capsys.readouterr().err


def test_a_wrong_cell_fails_under_its_own_heading_with_status_1(
    base: str, tmp_path: Path, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(make_result(sqnr_db=5.0), tmp_path / "wrong", "resnet18")
    assert main(["compare", base, str(tmp_path / "wrong")]) == 1
    assert "wrong: resnet18 fp32 xnnpack (parity.fp32_differs: SQNR 5.0 dB)" in capsys.readouterr().out


def test_a_wrong_baseline_is_refused(
    base: str, tmp_path: Path, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(make_result(sqnr_db=5.0), tmp_path / "wrong", "resnet18")
    assert main(["compare", str(tmp_path / "wrong"), base]) == 2
    assert "parity.fp32_differs" in capsys.readouterr().err
