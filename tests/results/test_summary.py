"""The end of a run and of a sweep: one table, and a line for each kind of warning."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

import msgspec
from rich.console import Console

from etbench.measure.pass_results import Operator, Profile
from etbench.results.checks import judged
from etbench.results.schema import CellComparison, Result
from etbench.stats import assess
from etbench.stats.layers import Layer, Numerics
from etbench.terminal.console import print_comparison, print_summary

MakeResult = Callable[..., Result]
NOISY = assess([[5.0], [5.4]] * 5, other_cpu_shares=[0.2] * 10)
PROFILE = Profile(
    execute_ms=1.0,
    elsewhere_ms=0.0,
    inferences=3,
    operators=[Operator(name="add.out", kind="portable", instruction=0, mean_ms=1.0, share=1.0)],
)
NUMERICS = Numerics(
    compared=1, worst=[Layer(name="fc", kind="Linear", sqnr_db=9.0, own_db=30.5, alone_db=28.0)], layers=[]
)


def _summary(*results: Result) -> str:
    out = StringIO()
    print_summary(results, Console(width=400, file=out))
    return out.getvalue()


def _told(result: Result) -> Result:
    """Return the result with everything that a single cell has a table or a line of its own for."""
    artifact = msgspec.structs.replace(result.artifact, numerics=NUMERICS)
    return judged(
        msgspec.structs.replace(result, artifact=artifact, profile=PROFILE, stability=NOISY, truncated=True)
    )


def test_a_single_cell_is_told_of_in_full(make_result: MakeResult) -> None:
    printed = _summary(_told(make_result()))
    assert "warning latency.noisy resnet18 fp32 xnnpack: the level is known to ±" in printed
    assert "; other processes used 20% of the CPUs" in printed
    assert "3 of 3 runs fit in repeat.max_seconds=10" in printed
    assert "time by kind of operator" in printed
    assert "layers of resnet18 fp32 xnnpack that cost the most accuracy, of 1 compared" in printed
    assert re.search(r"fc +Linear +28\.0 +30\.5 +9\.0", printed), "alone, own, cumulative"


def test_many_cells_have_one_line_a_kind_and_no_table_of_operators_or_layers(make_result: MakeResult) -> None:
    printed = _summary(*(_told(make_result(name)) for name in ("a", "b", "c", "d", "e")))
    lines = printed.splitlines()
    (noisy,) = [line for line in lines if "latency.noisy" in line]
    assert noisy.startswith(
        "warning latency.noisy, 5 cells: a fp32 xnnpack, b fp32 xnnpack, c fp32 xnnpack and 2"
    )
    assert sum("repeat.max_seconds=10" in line for line in lines) == 1
    assert "time by kind of operator" not in printed
    assert "differ most" not in printed
    assert len(lines) == 2 + 5 + 1 + 5


def test_failures_of_one_reason_share_a_line(make_result: MakeResult, failed: Result) -> None:
    again = msgspec.structs.replace(failed, model_name="other")
    skipped = [
        make_result(name, status="skipped", reason=reason, latency_ms=None, rounds=[], artifact=None)
        for name, reason in (("x", "no such kernel"), ("y", "no such kernel"), ("z", "too large"))
    ]
    printed = _summary(failed, again, *skipped)
    assert "2 cells failed at stage lower: gpt2 int8 xnnpack, other int8 xnnpack: no such op" in printed
    assert "2 cells skipped: x fp32 xnnpack, y fp32 xnnpack: no such kernel" in printed
    assert "1 cell skipped: z fp32 xnnpack: too large" in printed


def test_figures_of_the_accuracy_hook_are_columns_of_a_sweep(make_result: MakeResult) -> None:
    trained = make_result("a", weights="pretrained", evaluation={"top1": 0.75})
    printed = _summary(trained, make_result("b"))
    head, _, first, second = printed.splitlines()[:4]
    assert head.split()[-2:] == ["eval_top1", "state"]
    assert first.split()[-2:] == ["0.75", "ok"]
    assert second.split()[-2:] == ["-", "ok"]


def test_the_mean_stays_where_a_summary_has_nothing_else(make_result: MakeResult) -> None:
    imported = make_result("imported")
    imported = msgspec.structs.replace(
        imported, latency_ms=msgspec.structs.replace(imported.latency_ms, p50=None, avg=12.5)
    )
    out = StringIO()
    print_summary([imported], Console(width=60, file=out))
    assert "mean ms" in out.getvalue()
    assert "12.5" in out.getvalue()


def test_advice_of_one_kind_is_given_once() -> None:
    cells = [
        CellComparison(
            **{"model": model, "precision": "fp32", "delegate": "xnnpack", "base_ms": 1.0, "new_ms": 1.0},
            **{"how": "separate runs", "ratio": 1.0, "low": 0.5, "high": 2.0, "verdict": "inconclusive"},
            regression=False,
            advice=f"measure them interleaved: {model}",
        )
        for model in ("a", "b", "c", "d")
    ]
    out = StringIO()
    print_comparison(cells, Console(width=200, file=out))
    (advice,) = [line for line in out.getvalue().splitlines() if "interleaved" in line]
    assert advice == (
        "inconclusive a fp32 xnnpack, b fp32 xnnpack, c fp32 xnnpack and 1 more, separate runs: "
        "measure them interleaved: a (for the first of them)"
    )
