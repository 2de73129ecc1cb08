"""Two sets of results: verdicts, what cannot be compared, exit status."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from etbench.cli.main import main
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.results.comparison.compare import compare_results
from etbench.results.files.store import write_result
from etbench.results.schema import Result, RoundFacts
from etbench.stats import assess

MakeResult = Callable[..., Result]

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


def _facts(count: int) -> list[RoundFacts]:
    return [
        RoundFacts(block=number, started_s=number, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET)
        for number in range(count)
    ]


def _rounds(location: float, noise: float = 0.01, count: int = 30, seed: int = 0) -> list[list[float]]:
    logs = np.random.default_rng(seed).normal(0, noise, count)
    return [[float(value)] for value in location * np.exp(logs)]


def _in_turn(make_result: MakeResult, base: Sequence[float], new: Sequence[float]) -> tuple[Result, Result]:
    sides = [
        make_result(rounds=[[value] for value in values], round_facts=_facts(len(values)), turn_id="one")
        for values in (base, new)
    ]
    return sides[0], sides[1]


@pytest.mark.parametrize(
    ("factor", "noise", "verdict", "decision", "words"),
    [
        (1.10, 0.01, "slower", "regression", "slower, a regression"),
        (1.06, 0.05, "slower", "undecided", "slower, undecided whether by over 5 %"),
        (1.03, 0.01, "slower", "passed", "slower, but within 5 %"),
        (0.90, 0.01, "faster", "passed", "faster"),
        (1.00, 0.01, "same", "passed", "same (within ±5 %)"),
        (0.97, 0.09, "inconclusive", "passed", "inconclusive, but not slower by 5 %"),
        (1.00, 0.50, "inconclusive", "undecided", "inconclusive"),
    ],
)
def test_cells_measured_in_turn_are_compared_block_by_block(
    factor: float, noise: float, verdict: str, decision: str, words: str, make_result: MakeResult
) -> None:
    random = np.random.default_rng(0)
    drift = np.cumsum(random.normal(0, 0.2, 30))  # far larger than the difference
    base, new = (np.exp(drift + random.normal(0, noise, 30)) for _ in range(2))
    pair = _in_turn(make_result, base.tolist(), (factor * new).tolist())
    (cell,) = compare_results([pair[0]], [pair[1]], threshold=0.05).cells
    assert (cell.how, cell.verdict, cell.decision, cell.words) == ("in turn", verdict, decision, words)
    assert cell.regression == (decision == "regression")
    assert bool(re.search(r"settle it: repeat.rounds=\d+|by 1,000 rounds", cell.advice)) == (
        decision == "undecided"
    )
    if noise < 0.02:
        assert cell.ratio == pytest.approx(factor, rel=0.01)


def test_separate_runs_need_more_than_the_drift_between_runs(make_result: MakeResult) -> None:
    base = make_result(rounds=_rounds(10.0))
    near, far = make_result(rounds=_rounds(11.0, seed=1)), make_result(rounds=_rounds(18.0, seed=2))
    near = msgspec.structs.replace(near, command=["model=timm", "model.id=resnet18"])
    (cell,) = compare_results([base], [near], threshold=0.05, base_path="outputs/old one").cells
    assert (cell.how, cell.verdict, cell.decision) == ("separate runs", "inconclusive", "undecided")
    against = """'compare_to="outputs/old one"'"""  # quoted for Hydra, and that for a shell
    command = f"model=timm model.id=resnet18 {against}"
    assert cell.advice == f"measure them in turn: python -m etbench {command}"
    (cell,) = compare_results([base], [far], threshold=0.05).cells
    assert (cell.verdict, cell.regression) == ("slower", True)


@pytest.mark.parametrize(
    "command", [[], ["--config-dir", "/gone", "model=mine"]], ids=["unknown", "of a folder that is gone"]
)
def test_a_command_that_may_not_work_is_not_given(command: list[str], make_result: MakeResult) -> None:
    base, near = make_result(rounds=_rounds(10.0)), make_result(rounds=_rounds(11.0, seed=1), command=command)
    (cell,) = compare_results([base], [near], threshold=0.05, base_path="base").cells
    assert cell.advice == "measure them in turn: repeat the command of NEW with compare_to=base"


def test_separate_runs_of_which_one_is_unstable_are_not_judged(make_result: MakeResult) -> None:
    base, far = make_result(rounds=_rounds(10.0)), make_result(rounds=_rounds(18.0, seed=2))
    unstable = msgspec.structs.replace(assess(far.rounds), verdict="unstable")
    far = msgspec.structs.replace(far, stability=unstable)
    (cell,) = compare_results([base], [far], threshold=0.05).cells
    assert cell.verdict == "inconclusive"
    assert "measure them in turn" in cell.advice


def test_summaries_and_single_rounds_get_a_ratio_and_no_verdict(make_result: MakeResult) -> None:
    (cell,) = compare_results([make_result(p50=10)], [make_result(p50=30)], threshold=0.05).cells
    assert (cell.ratio, cell.low, cell.verdict) == (pytest.approx(3.0), None, "inconclusive")


def test_the_more_cells_the_stronger_the_evidence_for_each_alarm(make_result: MakeResult) -> None:
    random = np.random.default_rng(5)
    pairs = []
    for number in range(200):  # all of them the same program in base and new
        base, new = np.exp(random.normal(0, 0.05, (2, 30)))
        pair = _in_turn(make_result, base.tolist(), new.tolist())
        pairs.append([msgspec.structs.replace(side, model_name=f"m{number}") for side in pair])
    together = compare_results(*zip(*pairs, strict=True), threshold=0.05)
    alone = [compare_results([base], [new], threshold=0.05).cells[0] for base, new in pairs]
    alarms = {"faster", "slower"}
    assert sum(cell.verdict in alarms for cell in alone) > 2
    assert sum(cell.verdict in alarms for cell in together.cells) == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"host": "there"}, "host: here and there"),
        ({"threads": 1}, "threads: 2 and 1"),
        ({"runner": "native"}, "runner: python and native"),
        ({"libraries": {"torch": "2.14.0"}}, "torch: 2.13.0 and 2.14.0"),
    ],
)
def test_other_conditions_are_refused_and_named(
    changes: dict[str, object], named: str, make_result: MakeResult
) -> None:
    base = make_result()
    new = make_result(environment=msgspec.structs.replace(base.environment, **changes))
    with pytest.raises(EtbenchError, match="--across-hosts") as caught:
        compare_results([base], [new], threshold=0.05)
    assert named in caught.value.message
    assert len(compare_results([base], [new], threshold=0.05, across_hosts=True).cells) == 1


def test_cells_of_one_side_only_are_named_and_the_newest_result_counts(
    make_result: MakeResult, failed: Result
) -> None:
    old = make_result(p50=99, created_at="2026-01-01T00:00:00+00:00")
    newer = make_result(p50=10, created_at="2026-02-01T00:00:00+00:00")
    gone, fresh = make_result("gone"), make_result("fresh")
    comparison = compare_results([newer, old, gone], [make_result(p50=10), fresh, failed], threshold=0.05)
    assert [cell.ratio for cell in comparison.cells] == [1.0]
    assert comparison.only_base == ["gone fp32 xnnpack"]
    assert comparison.only_new == ["fresh fp32 xnnpack"]


def _asking(make_result: MakeResult, threads: int, p50: float) -> Result:
    result = make_result(p50=p50)
    environment = msgspec.structs.replace(result.environment, threads=threads)
    return msgspec.structs.replace(
        result, environment=environment, config=result.config | {"threads": threads}
    )


def test_cells_that_differ_in_what_they_ask_for_are_not_taken_for_one(make_result: MakeResult) -> None:
    base = [_asking(make_result, 1, 10.0), _asking(make_result, 2, 6.0)]
    new = [_asking(make_result, 2, 6.0), _asking(make_result, 1, 30.0)]
    found = {cell.name: cell.ratio for cell in compare_results(base, new, threshold=0.05).cells}
    assert found == {"resnet18, 1 threads fp32 xnnpack": 3.0, "resnet18, 2 threads fp32 xnnpack": 1.0}
    without = compare_results(base, new[:1], threshold=0.05)
    assert [cell.ratio for cell in without.cells] == [1.0]
    assert without.only_base == ["resnet18, 1 threads fp32 xnnpack"]
    assert without.outcome().applies == ["missing", "undecided"]
    assert without.outcome(["missing"]).allowed == ["missing"]


def test_cells_of_an_etbench_with_other_options_are_told_apart_by_threads(make_result: MakeResult) -> None:
    base = [_asking(make_result, threads, 10.0) for threads in (1, 2)]
    for result in base:
        result.config["model"] = {"name": "resnet18", "forgotten": 1}
    new = [_asking(make_result, threads, 10.0 * threads) for threads in (1, 2)]
    comparison = compare_results(base, new, threshold=0.05)
    assert [cell.ratio for cell in comparison.cells] == [1.0, 2.0]
    assert "missing" not in comparison.outcome().applies


def test_the_only_one_on_each_side_is_compared_whatever_it_asks_for(make_result: MakeResult) -> None:
    base, new = _asking(make_result, 1, 10.0), _asking(make_result, 2, 6.0)
    with pytest.raises(EtbenchError, match="threads: 1 and 2"):
        compare_results([base], [new], threshold=0.05)


def test_an_older_state_of_a_cell_is_not_missed(make_result: MakeResult) -> None:
    older = make_result(p50=99, config={"model": {"name": "resnet18", "gone": 1}}, turn_id="a")
    newer = make_result(p50=10, created_at="2026-02-01T00:00:00+00:00", turn_id="b")
    now = msgspec.structs.replace(newer, turn_id="c")
    assert not compare_results([older, newer], [now], threshold=0.05).only_base
    beside = msgspec.structs.replace(older, turn_id="b")
    assert compare_results([beside, newer], [now], threshold=0.05).only_base


@pytest.fixture
def folders(tmp_path: Path, make_result: MakeResult) -> tuple[str, str]:
    """Base and new of two cells, one of them 20 % slower, measured in turn."""
    random = np.random.default_rng(0)
    for name, factor in (("slow", 1.2), ("steady", 1.0)):
        base, new = np.exp(random.normal(0, 0.01, (2, 30)))
        pair = _in_turn(make_result, base.tolist(), (factor * new).tolist())
        for side, folder in zip(pair, ("base", "new"), strict=True):
            write_result(msgspec.structs.replace(side, model_name=name), tmp_path / folder, name)
    return str(tmp_path / "base"), str(tmp_path / "new")


def test_the_command_ends_with_3_on_a_regression(
    folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *folders]) == 3
    assert "slower, a regression" in capsys.readouterr().out
    assert main(["compare", *folders, "--fail-above", "50%"]) == 0
    assert "a regression" not in capsys.readouterr().out


def test_the_command_speaks_json_and_markdown(
    folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *folders, "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["applies"], found["allowed"]) == (3, ["regression"], [])
    cells = found["cells"]
    assert {cell["model"]: cell["regression"] for cell in cells} == {"slow": True, "steady": False}
    assert all(math.isfinite(cell["ratio"]) for cell in cells)
    assert main(["compare", *folders, "--format", "markdown"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "### etbench: regression"
    assert sum("| **regression** | slower, a regression |" in line for line in lines) == 1
    assert sum("2 cells, judged as one family" in line for line in lines) == 1


@pytest.mark.parametrize("share", ["0", "-5%", "much", "5%5", "5"])
def test_a_threshold_that_is_none_is_bad_usage(
    share: str, folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *folders, f"--fail-above={share}"])
    assert caught.value.code == 2
    assert ("did you mean 5% or 0.05?" in capsys.readouterr().err) == (share == "5")


def test_nothing_in_common_is_bad_usage(
    tmp_path: Path, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        write_result(make_result(name), tmp_path / name, name)
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two")]) == 2
    assert "no measured cell in common" in capsys.readouterr().err
