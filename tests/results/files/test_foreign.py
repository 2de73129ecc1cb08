"""Files of other benchmarks become summaries, which compare without verdicts; v3 records go both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etbench.cli.main import main
from etbench.results.files.foreign import import_file, to_v3
from etbench.results.files.store import UnreadableError, read_result, write_result
from etbench.results.schema import Result
from etbench.results.tables.frames import load_results, rank
from etbench.terminal.console import print_summary

FLAT: dict[str, Any] = {
    "model_name": "resnet18",
    "model_type": "cv",
    "precision": "FP32",
    "precision_short": "fp32",
    "delegate": "xnnpack",
    "repeat": 50,
    "warmup": 5,
    "latency_ms": {"avg": 20.0, "min": 18.0, "max": 25.0, "std_dev": 1.0, "p95": 22.0, "p99": 24.0},
}
GOOGLE = {
    "context": {"date": "2026-01-02T03:04:05+00:00", "host_name": "bench", "num_cpus": 4},
    "benchmarks": [
        {
            "name": "m/int8/xnnpack",
            "run_type": "iteration",
            "iterations": 9,
            "real_time": 2e6,
            "time_unit": "ns",
        },
        {"name": "bad", "run_type": "iteration", "error_occurred": True, "error_message": "no file"},
    ],
}


def _v3(metric: str, values: list[float] | int, backend: str = "xnnpack_q8") -> dict[str, Any]:
    return {
        "benchmark": {"name": "ExecuTorch", "mode": "inference", "extra_info": {"app_type": "ANDROID_APP"}},
        "model": {"name": "mv2", "type": "OSS model", "backend": backend},
        "metric": {"name": metric, "benchmark_values": values, "target_value": 0, "extra_info": {}},
        "runners": [{"name": "a phone", "type": "Android 14", "avail_mem_in_gb": 1, "total_mem_in_gb": 8}],
    }


def _write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_latency_of_nothing_is_no_measurement(tmp_path: Path) -> None:
    nothing = FLAT | {"latency_ms": FLAT["latency_ms"] | {"avg": 0.0}}
    with pytest.raises(UnreadableError, match=r"a latency \(avg\) of 0.0 ms is not a measurement"):
        import_file(_write(tmp_path / "flat.json", nothing))


def test_a_name_that_looks_like_markup_of_the_terminal_is_printed_as_it_is(
    tmp_path: Path, make_result: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    named = make_result("conv[/int8]")
    for folder in ("base", "new"):
        write_result(named, tmp_path / folder, "conv")
    main(["compare", str(tmp_path / "base"), str(tmp_path / "new")])
    print_summary([named])
    printed = capsys.readouterr().out
    assert printed.count("conv[/int8] fp32 xnnpack") == 5, "verdict, advice, program, summary and note"


def test_the_flat_form_is_upgraded_to_a_summary(tmp_path: Path) -> None:
    result = read_result(_write(tmp_path / "a.json", FLAT))
    assert (result.source, result.rounds, result.schema_version) == ("flat", [], 1)
    assert result.latency_ms is not None
    assert (result.latency_ms.avg, result.latency_ms.p50, result.latency_ms.p99) == (20.0, None, 24.0)


def test_v3_records_of_one_model_become_one_cell(tmp_path: Path) -> None:
    records = [
        _v3("avg_inference_latency(ms)", [3.0, 5.0]),
        _v3("model_load_time(ms)", [7.0]),
        _v3("FAILURE_REPORT", 0, "qnn_q8"),
    ]
    good, bad = import_file(_write(tmp_path / "v3.json", records))
    assert (good.model_name, good.precision_short, good.delegate) == ("mv2", "int8", "xnnpack")
    assert good.latency_ms is not None
    assert (good.latency_ms.avg, good.load_ms, good.environment.host) == (4.0, 7.0, "a phone")
    assert (bad.delegate, bad.status, bad.latency_ms) == ("qnn", "failed", None)


def test_google_benchmark_is_read_in_its_unit(tmp_path: Path) -> None:
    good, bad = import_file(_write(tmp_path / "g.json", GOOGLE))
    assert (good.model_name, good.precision_short, good.delegate) == ("m", "int8", "xnnpack")
    assert good.latency_ms is not None
    assert (good.latency_ms.avg, good.repeat, good.created_at) == (2.0, 9, "2026-01-02T03:04:05+00:00")
    assert (bad.model_name, bad.status, bad.reason) == ("bad", "failed", "no file")


def test_what_is_exported_can_be_imported(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    result = make_result()
    (back,) = import_file(_write(tmp_path / "v3.json", to_v3([result])))
    assert result.latency_ms is not None
    assert back.latency_ms is not None
    assert (back.latency_ms.avg, back.latency_ms.p50) == (result.latency_ms.avg, result.latency_ms.p50)
    for name in ("model_name", "precision_short", "delegate", "load_ms", "created_at"):
        assert getattr(back, name) == getattr(result, name)


@pytest.mark.parametrize(
    "content",
    [[], {"a": 1}, [{"metric": 1, "model": 2}], [1], {"context": 1, "benchmarks": [1]}],
    ids=["empty", "foreign", "odd records", "numbers", "odd google"],
)
def test_an_unknown_form_is_named(content: object, tmp_path: Path) -> None:
    path = _write(tmp_path / "odd.json", content)
    with pytest.raises(UnreadableError, match=r"odd\.json"):
        import_file(path)


def test_imported_cells_are_in_the_tables_and_compare_without_a_verdict(
    tmp_path: Path, make_result: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    flat = _write(tmp_path / "flat.json", FLAT)
    assert main(["import", str(flat), "-o", str(tmp_path / "old")]) == 0
    ranked = rank(load_results(tmp_path / "old"))
    assert ranked["latency_p50_ms"].tolist() == [20.0]
    write_result(make_result(p50=40.0), tmp_path / "new", "a")
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "old"), str(tmp_path / "new"), "--format", "json"]) == 4
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert (cell["ratio"], cell["verdict"], cell["regression"]) == (
        pytest.approx(124 / 3 / 20),
        "none",
        False,
    )
    assert cell["advice"].startswith("a ratio of means: ")
