"""`show`: finished results as a table, as Markdown and as data; the other tables at 80 columns."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from etbench.cli.main import main
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.stats import assess

MakeResult = Callable[..., Result]
OUTPUTS = Path(__file__).parents[2] / "outputs"
READING = ("show", "history", "aggregate", "report", "charts", "export")


@pytest.fixture
def folder(tmp_path: Path, make_result: MakeResult, failed: Result) -> str:
    noisy = {"rounds": [[6.0], [6.4]] * 5, "stability": assess([[6.0], [6.4]] * 5)}
    for number, result in enumerate(
        [
            make_result("resnet18", "int8", p50=2.0),
            make_result("resnet18", "fp32", p50=4.0),
            make_result("mobilenet_v2", "int8", "portable", **noisy),
            failed,
        ]
    ):
        write_result(result, tmp_path / "in", str(number))
    return str(tmp_path / "in")


@pytest.fixture
def shown(folder: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def show(*arguments: str, status: int = 0) -> str:
        assert main(["show", folder, *arguments]) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return show


def _cells(table: str) -> list[str]:
    """Return the first three words of each row."""
    lines = table.splitlines()
    rows = lines[next(place for place, line in enumerate(lines) if line.startswith("─")) + 1 :]
    rows = rows[: next((place for place, line in enumerate(rows) if line.startswith("±")), None)]
    return [" ".join(line.split()[:3]) for line in rows if "fp32 " in line[:30] or "int8 " in line[:30]]


def test_cells_are_ordered_by_name_with_the_state_of_each(shown: Callable[..., str]) -> None:
    table = shown()
    assert _cells(table) == [
        "gpt2 int8 xnnpack",
        "mobilenet_v2 int8 portable",
        "resnet18 fp32 xnnpack",
        "resnet18 int8 xnnpack",
    ]
    rows = [line.split() for line in table.splitlines() if " int8 " in line[:30]]
    assert [row[-1] for row in rows] == ["failed", "noisy", "ok"]
    assert rows[0][3:6] == ["-", "-", "-"]
    assert "1 cell failed at stage lower: gpt2 int8 xnnpack: no such op" in table
    assert "warning latency.noisy, 1 cell: mobilenet_v2 int8 portable:" in table


def test_sorting_puts_cells_without_the_figure_last(shown: Callable[..., str]) -> None:
    by_latency = ["resnet18 int8", "resnet18 fp32", "mobilenet_v2 int8"]
    for arguments, order in (((), by_latency), (("--reverse",), by_latency[::-1])):
        table = shown("--sort", "p50", *arguments)
        assert [cell.rsplit(" ", 1)[0] for cell in _cells(table)] == [*order, "gpt2 int8"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("int8", ["gpt2 int8 xnnpack", "mobilenet_v2 int8 portable", "resnet18 int8 xnnpack"]),
        ("net int8", ["mobilenet_v2 int8 portable", "resnet18 int8 xnnpack"]),
        ("RESNET fp*", ["resnet18 fp32 xnnpack"]),
        ("ok xnnpack", ["resnet18 fp32 xnnpack", "resnet18 int8 xnnpack"]),
    ],
)
def test_a_filter_keeps_the_cells_that_have_all_its_words(
    words: str, kept: list[str], shown: Callable[..., str]
) -> None:
    rows = csv.DictReader(io.StringIO(shown("--filter", words, "--format", "csv")))
    assert [f"{row['model']} {row['precision']} {row['delegate']}" for row in rows] == kept


def test_a_filter_without_any_cell_names_the_words_there_are(shown: Callable[..., str]) -> None:
    told = shown("--filter", "resnet50", status=2)
    assert "no cell matches all of 'resnet50'" in told
    assert "models: gpt2, mobilenet_v2, resnet18; precisions: fp32, int8" in told


def test_chosen_columns_are_those_of_the_table_and_of_the_data(shown: Callable[..., str]) -> None:
    chosen = ("--columns", "cell,p50,cpu", "--filter", "resnet18 int8")
    assert shown(*chosen).splitlines()[0].split() == ["cell", "p50", "ms", "cpu"]
    assert shown(*chosen, "--format", "markdown").splitlines() == [
        "| cell | p50 ms | cpu |",
        "|---|--:|---|",
        "| resnet18 int8 xnnpack | 2 | a CPU |",
    ]
    assert json.loads(shown(*chosen, "--format", "json")) == [
        *(
            {
                "model": "resnet18",
                "precision": "int8",
                "delegate": "xnnpack",
                "latency_p50_ms": 2,
                "cpu": "a CPU",
            },
        )
    ]
    assert "'p5' (did you mean 'p95'?)" in shown("--columns", "p5", status=2)


def test_cells_of_one_name_are_told_apart(
    folder: str, make_result: MakeResult, shown: Callable[..., str]
) -> None:
    again = make_result("resnet18", "int8", p50=3.0, created_at="2026-01-02T00:00:00+00:00")
    write_result(again, Path(folder), "again")
    table = shown("--filter", "resnet18 int8")
    assert "resnet18 #1 int8 xnnpack" in table
    assert "resnet18 #2 int8 xnnpack" in table


@pytest.mark.parametrize("command", READING)
def test_a_folder_without_results_is_bad_usage(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main([command, str(tmp_path / "empty")]) == 2
    assert f"no result in {tmp_path / 'empty'}: there is no .json file" in capsys.readouterr().err
    assert list((tmp_path / "empty").iterdir()) == []
    (tmp_path / "empty" / "half.json").write_text('{"schema_version": 1, "mod')
    assert main([command, str(tmp_path / "empty")]) == 2
    assert "half.json: not valid JSON" in capsys.readouterr().err


def test_comparing_with_a_folder_without_results_is_bad_usage(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for sides in ([folder, str(tmp_path / "empty")], [str(tmp_path / "empty"), folder]):
        assert main(["compare", *sides]) == 2
        assert f"no result in {tmp_path / 'empty'}" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize(
    ("arguments", "figures"),
    [
        (("history", "sample_history"), ("2.862", "1.175", "1.116 to 1.232", "tower fp32 xnnpack")),
        (("compare", "sample_versions/base", "sample_versions/new"), ("1.972", "none", "5.56")),
    ],
    ids=lambda value: value[0],
)
def test_history_and_comparison_fit_the_terminal(
    arguments: tuple[str, ...],
    figures: tuple[str, ...],
    width: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    command, *folders = arguments
    main([command, *(str(OUTPUTS / folder) for folder in folders)])
    printed = capsys.readouterr().out
    lines = printed.splitlines()[1:]
    table = [
        line
        for line in lines
        if not re.match("inconclusive|undecided", line)  # with a command to copy
    ]
    assert max(map(len, table)) <= width
    assert all(figure in printed for figure in figures)
    assert "…" not in printed
