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

from etbench.cli import compare as command
from etbench.cli.main import main
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.results.comparison.compare import compare_results
from etbench.results.comparison.conditions import ACROSS
from etbench.results.comparison.pairing import cell_settings
from etbench.results.files.store import write_result
from etbench.results.schema import CellComparison, Result, RoundFacts
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


def _on_days(
    make_result: MakeResult, locations: Sequence[float], first_day: int = 1, **more: object
) -> list[Result]:
    """Runs of one program, one per day."""
    return [
        make_result(
            rounds=_rounds(location, seed=day),
            created_at=f"2026-01-{day:02}T00:00:00+00:00",
            turn_id=f"night {day}",
            **more,
        )
        for day, location in enumerate(locations, first_day)
    ]


STEADY = (10.0, 10.2, 9.9, 10.1, 10.0)


def test_one_run_of_each_is_not_decided_and_the_command_that_would_is_named(make_result: MakeResult) -> None:
    base = make_result(rounds=_rounds(10.0))
    new = make_result(rounds=_rounds(15.0, seed=1), command=["model=timm", "model.id=resnet18"])
    (cell,) = compare_results([base], [new], threshold=0.05, base_path="outputs/old one").cells
    assert (cell.how, cell.verdict, cell.decision) == ("separate runs", "inconclusive", "undecided")
    assert (cell.low, cell.high) == (None, None)
    against = """'compare_to="outputs/old one"'"""  # quoted for Hydra, and that for a shell
    assert cell.advice.endswith(f": python -m etbench model=timm model.id=resnet18 {against}")


@pytest.mark.parametrize(
    ("factor", "verdict", "decision"),
    [
        (1.5, "slower", "regression"),
        (0.5, "faster", "passed"),
        (1.0, "same", "passed"),
        (1.05, "inconclusive", "undecided"),
    ],
)
def test_several_runs_of_the_baseline_show_how_far_apart_runs_are(
    factor: float, verdict: str, decision: str, make_result: MakeResult
) -> None:
    base, new = _on_days(make_result, STEADY), _on_days(make_result, [10 * factor], first_day=6)
    (cell,) = compare_results(base, new, threshold=0.05).cells
    assert (cell.how, cell.verdict, cell.decision) == ("separate runs", verdict, decision)
    assert (cell.base_runs, cell.new_runs) == (5, 1)
    assert cell.base_ms == pytest.approx(10.04, rel=0.01), "all runs count, not the newest alone"
    assert cell.drift == pytest.approx(0.011, abs=0.003)
    assert ("only a ratio above 1.11 can" in cell.advice) == (decision == "undecided")


def test_an_unstable_run_does_not_hide_that_it_is_ten_times_as_slow(make_result: MakeResult) -> None:
    base, (new,) = _on_days(make_result, STEADY), _on_days(make_result, [100.0], first_day=6)
    new = msgspec.structs.replace(new, rounds=_rounds(100.0, noise=0.3, seed=3))
    new = msgspec.structs.replace(new, stability=assess(new.rounds))
    assert new.stability is not None
    assert new.stability.verdict == "unstable"
    (cell,) = compare_results(base, [new], threshold=0.05).cells
    assert (cell.verdict, cell.regression) == ("slower", True)


def _other_program(result: Result) -> Result:
    assert result.artifact is not None
    artifact = msgspec.structs.replace(result.artifact, sha256="1" * 64)
    return msgspec.structs.replace(result, artifact=artifact)


def _other_kernel(result: Result) -> Result:
    environment = msgspec.structs.replace(result.environment, kernel="6.2.0")
    return msgspec.structs.replace(result, environment=environment)


def test_only_other_runs_of_the_same_program_in_the_same_conditions_count(make_result: MakeResult) -> None:
    *older, last = _on_days(make_result, STEADY)
    new = _on_days(make_result, [20.0], first_day=6)
    for others in (map(_other_program, older), map(_other_kernel, older), [last] * 4):
        (cell,) = compare_results([*others, last], new, threshold=0.05).cells
        assert (cell.verdict, cell.base_ms) == ("inconclusive", pytest.approx(10.0, rel=0.01))
        assert cell.advice.startswith("one run of each")


def test_runs_of_one_hour_do_not_show_how_far_apart_runs_are_a_week_later(make_result: MakeResult) -> None:
    hour = [
        msgspec.structs.replace(result, created_at=f"2026-01-01T00:{10 + 10 * number}:00+00:00")
        for number, result in enumerate(_on_days(make_result, STEADY))
    ]
    new = _on_days(make_result, [13.0], first_day=8)
    (cell,) = compare_results(hour, new, threshold=0.05).cells
    assert (cell.verdict, cell.low) == ("inconclusive", None)
    assert cell.advice.startswith("5 runs within 40 min do not show how far apart runs are")
    (cell,) = compare_results(hour, new, threshold=0.05, drift=0.03).cells
    assert cell.verdict == "slower"


@pytest.mark.parametrize(
    "command", [[], ["--config-dir", "/gone", "model=mine"]], ids=["unknown", "of a folder that is gone"]
)
def test_a_command_that_may_not_work_is_not_given(command: list[str], make_result: MakeResult) -> None:
    base, near = make_result(rounds=_rounds(10.0)), make_result(rounds=_rounds(11.0, seed=1), command=command)
    (cell,) = compare_results([base], [near], threshold=0.05, base_path="base").cells
    assert cell.advice.endswith(" repeat the command of NEW with compare_to=base")


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
    ("changes", "named", "kind"),
    [
        ({"cpu": "EPYC"}, "CPU: a CPU and EPYC", "machines"),
        ({"available_cores": 1}, "usable cores: 2 and 1", "machines"),
        ({"cpu_flags": ["avx2"]}, "vector extensions: none and avx2", "machines"),
        ({"memory_bytes": 2 << 30}, "memory: 1 GiB and 2 GiB", "machines"),
        ({"cpu_limit": 1.5}, "CPU limit: none and 1.5 CPUs", "machines"),
        ({"system": "Debian GNU/Linux 13"}, "Debian GNU/Linux 12 and Debian GNU/Linux 13", "machines"),
        ({"libraries": {"torch": "2.14.0"}}, "torch: 2.13.0 and 2.14.0", "versions"),
        ({"python": "3.12.0"}, "python: 3.11.7 and 3.12.0", "versions"),
        ({"kernel": "6.2.0"}, "kernel: 6.1.0 and 6.2.0", "versions"),
        ({"threads": 1}, "threads: 2 and 1", "settings"),
        ({"runner": "native"}, "runner: python and native", "settings"),
        ({"system": None, "host": "there"}, "host: here and there", "machines"),
        ({"cpu": "EPYC", "kernel": "6.2.0"}, "kernel: 6.1.0 and 6.2.0", "machines,versions"),
    ],
)
def test_other_conditions_are_refused_named_and_allowed_by_their_kind(
    changes: dict[str, object], named: str, kind: str, make_result: MakeResult
) -> None:
    base = make_result()
    new = make_result(environment=msgspec.structs.replace(base.environment, **changes))
    with pytest.raises(EtbenchError, match=f"add --across {kind} to compare") as caught:
        compare_results([base], [new], threshold=0.05)
    assert named in caught.value.message
    (cell,) = compare_results([base], [new], threshold=0.05, across=kind.split(",")).cells
    assert " to ".join(named.partition(": ")[2].split(" and ")) in cell.name


def test_another_version_of_the_runtime_is_another_condition_and_tells_cells_apart(
    make_result: MakeResult,
) -> None:
    def of(version: str | None, quantization: str = "same") -> Result:
        made = make_result("resnet18", "int8", "onnxruntime")
        environment = msgspec.structs.replace(
            made.environment, runtime=version and "onnxruntime", runtime_version=version
        )
        artifact = msgspec.structs.replace(made.artifact, quantization=quantization)
        return msgspec.structs.replace(made, environment=environment, artifact=artifact)

    old, new, own = of("1.31.0"), of("1.32.0"), of("1.32.0", "own")
    with pytest.raises(EtbenchError, match="add --across versions to compare") as caught:
        compare_results([old], [new], threshold=0.05)
    assert "runtime: onnxruntime 1.31.0 and onnxruntime 1.32.0" in caught.value.message
    assert compare_results([of(None)], [new], threshold=0.05).cells, "an older result does not know it"
    assert list(cell_settings([old, new]).values()) == ["onnxruntime 1.31.0", "onnxruntime 1.32.0"]
    assert list(cell_settings([new, own]).values()) == ["same quantization", "own quantization"]


@pytest.mark.parametrize("changes", [{"host": "another container"}, {"memory_bytes": (1 << 30) - 9_999_999}])
def test_the_same_hardware_under_another_name_is_the_same_machine(
    changes: dict[str, object], make_result: MakeResult
) -> None:
    base = make_result()
    new = make_result(environment=msgspec.structs.replace(base.environment, **changes))
    assert [cell.name for cell in compare_results([base], [new], threshold=0.05).cells] == [
        "resnet18 fp32 xnnpack"
    ]


def test_interleaved_programs_may_have_other_versions_and_are_named_after_them(
    make_result: MakeResult,
) -> None:
    base, new = _in_turn(make_result, [10.0 + 0.01 * number for number in range(30)], [20.0] * 30)
    environment = msgspec.structs.replace(new.environment, libraries={"torch": "2.14.0"})
    new = msgspec.structs.replace(new, environment=environment)
    (cell,) = compare_results([base], [new], threshold=0.05).cells
    assert (cell.how, cell.verdict) == ("in turn", "slower")
    assert cell.name == "resnet18, torch 2.13.0 to 2.14.0 fp32 xnnpack"


def test_two_machines_have_a_ratio_if_asked_and_no_verdict(make_result: MakeResult) -> None:
    base, (new,) = _on_days(make_result, STEADY), _on_days(make_result, [30.0], first_day=6)
    new = msgspec.structs.replace(new, environment=msgspec.structs.replace(new.environment, cpu="EPYC"))
    (cell,) = compare_results(base, [new], threshold=0.05, across=["machines"]).cells
    assert (cell.ratio, cell.verdict) == (pytest.approx(3.0, rel=0.02), "inconclusive")
    assert cell.advice.startswith("runs of one machine do not show")


def test_the_words_of_the_option_are_those_of_the_conditions() -> None:
    assert command.ACROSS == ACROSS


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [(["--across", "hosts"], "'hosts' is not one of machines"), (["--drift", "0"], "not a valid share")],
)
def test_a_condition_or_drift_that_is_none_is_bad_usage(
    arguments: list[str], refused: str, folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *folders, *arguments])
    assert caught.value.code == 2
    assert refused in capsys.readouterr().err


def test_the_command_takes_a_drift_and_conditions(
    tmp_path: Path, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    base, new = make_result(rounds=_rounds(10.0)), make_result(rounds=_rounds(20.0, seed=1))
    new = msgspec.structs.replace(new, environment=msgspec.structs.replace(new.environment, kernel="6.2.0"))
    for result, name in ((base, "base"), (new, "new")):
        write_result(result, tmp_path / name, name)
    folders = [str(tmp_path / name) for name in ("base", "new")]
    assert main(["compare", *folders]) == 2
    assert "add --across versions" in capsys.readouterr().err
    assert main(["compare", *folders, "--across", "versions", "--drift", "5%", "--format", "json"]) == 3
    assert "kernel 6.1.0 to 6.2.0" in capsys.readouterr().out


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


def test_why_looks_at_the_cells_that_changed_and_says_if_that_is_not_possible_here(
    folders: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *folders, "--why", "--format", "json"]) == 3
    ((cell, words),) = json.loads(capsys.readouterr().out)["why"].items()
    assert cell == "slow fp32 xnnpack"
    assert words.startswith("unknown: ")
    assert main(["compare", *folders, "--why"]) == 3
    assert "why slow fp32 xnnpack: unknown: slow_fp32_xnnpack was measured on" in capsys.readouterr().out


def test_a_reason_is_asked_for_the_pairs_that_were_judged_also_beside_cells_of_an_emulator(
    make_result: MakeResult,
) -> None:
    random = np.random.default_rng(0)
    sides: tuple[list[Result], list[Result]] = ([], [])
    for name, factor in (("slow", 1.2), ("steady", 1.0)):
        base, new = np.exp(random.normal(0, 0.01, (2, 30)))
        pair = _in_turn(make_result, base.tolist(), (factor * new).tolist())
        for side, result in zip(sides, pair, strict=True):
            side.append(msgspec.structs.replace(result, model_name=name))
    for side in sides:
        emulated = make_result("a board")
        facts = msgspec.structs.replace(emulated.environment, emulator="QEMU")
        side.insert(0, msgspec.structs.replace(emulated, environment=facts))
    asked = []

    def explain(cell: CellComparison, old: Result, now: Result) -> str:
        asked.append((old, now))
        return f"since {cell.model}"

    comparison = compare_results(*sides, threshold=0.05, explain=explain)
    assert comparison.why == {"slow fp32 xnnpack": "since slow"}
    ((old, now),) = asked
    assert old is sides[0][1]
    assert now is sides[1][1]


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
