"""Tables on real results, at several widths: columns are left out in order, and no number is cut."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.terminal.console import print_summary
from etbench.terminal.fitting import PADDING, Column, print_table
from etbench.terminal.summary_table import parity_words, significant, state_of

OUTPUTS = Path(__file__).parents[2] / "outputs"
ALWAYS = ("cell", "p50 ms", "± %", "size MB", "parity dB", "state")
COLUMNS = (Column("name", wraps=True), Column("a", rank=2), Column("b", rank=1), Column("figure"))


def _printed(width: int, print_it: Callable[[Console], None]) -> list[str]:
    out = StringIO()
    print_it(Console(width=width, file=out, soft_wrap=True))
    return out.getvalue().splitlines()


@pytest.fixture(scope="module", params=["sample_sweep", "zoo", "sample_profile"])
def results(request: pytest.FixtureRequest) -> list[Result]:
    return [result for _, result in read_results([OUTPUTS / request.param])[0]]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_what_is_always_shown_is_there_in_full_at_any_width(results: list[Result], width: int) -> None:
    lines = _printed(width, lambda console: print_summary(results, console))
    rule = next(place for place, line in enumerate(lines) if line.startswith("──"))
    end = next(place for place, line in enumerate(lines) if line.startswith(("not shown", "±: ")))
    rows = lines[rule + 1 : end]
    assert all(name in lines[rule - 1] for name in ALWAYS)
    assert "…" not in "\n".join(rows)
    assert max(map(len, lines[:end])) <= width
    for result in results:
        assert result.latency_ms is not None
        name = f"{result.model_name} {result.precision_short} "  # the delegate may be in the next line
        figures = {significant(result.latency_ms.p50), parity_words(result), state_of(result)}
        assert any(row.startswith(name) and figures <= set(row.split()) for row in rows), name


@pytest.mark.parametrize("color_system", [None, "truecolor"])
def test_no_line_ends_with_spaces(color_system: str | None) -> None:
    out = StringIO()
    console = Console(width=80, file=out, force_terminal=color_system is not None, color_system=color_system)
    print_table(console, COLUMNS[:1], [("short",), (Text("longer than that", style="red"),)])
    print_table(console, (Column("", left=True), Column("", left=True)), [("a", "b"), ("longer", "longer")])
    lines = out.getvalue().splitlines()
    assert len(lines) == 6
    for line in lines:
        assert Text.from_ansi(line).plain == Text.from_ansi(line).plain.rstrip() != ""
    assert ("\x1b[31m" in out.getvalue()) == (color_system is not None)


def test_columns_that_found_no_room_are_named_and_all_are_there_at_the_width_that_is_said() -> None:
    results = [result for _, result in read_results([OUTPUTS / "sample_sweep"])[0]]
    narrow = _printed(80, lambda console: print_summary(results, console))
    said = " ".join(narrow[next(n for n, line in enumerate(narrow) if line.startswith("not shown: ")) :])
    assert max(map(len, narrow)) <= 80
    assert said.split(": ")[1].startswith("mean ms, min ms, max ms, std ms, n, load ms")
    width = int(said.partition("terminal to ")[2].split()[0])
    wide = "\n".join(_printed(width, lambda console: print_summary(results, console)))
    assert "not shown" not in wide
    assert "not shown" in "\n".join(_printed(width - 1, lambda console: print_summary(results, console)))


def _rows() -> list[tuple[str | Text, ...]]:
    return [("a name of five words", "1111", "2222", "33333"), ("other[/int8]", "1", "2", Text("3"))]


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (40, ["name", "a", "b", "figure"]),
        (39, ["name", "b", "figure"]),
        (34, ["name", "b", "figure"]),
        (33, ["name", "figure"]),
        (20, ["name", "figure"]),
    ],
)
def test_the_column_of_the_highest_rank_leaves_first(width: int, head: list[str]) -> None:
    lines = _printed(width, lambda console: print_table(console, COLUMNS, _rows()))
    assert lines[0].split() == head
    assert "33333" in "\n".join(lines)


def test_names_wrap_at_words_and_are_folded_before_a_figure_is_cut() -> None:
    lines = _printed(20, lambda console: print_table(console, COLUMNS, _rows()))
    assert lines[2:5] == ["a name of      33333", "five words", "other[/int8]       3"]
    folded = _printed(8, lambda console: print_table(console, COLUMNS, _rows()))
    assert "33333" in "\n".join(folded)
    assert "other[/i" in "\n".join(folded)
    assert max(len(line) for line in folded if not line.startswith("not shown")) == 8 + 2 + len("figure")


def test_how_to_see_the_other_columns_is_said_where_some_are_left_out() -> None:
    def shown(width: int) -> str:
        return "\n".join(
            _printed(width, lambda console: print_table(console, COLUMNS, _rows(), more="`--format csv`"))
        )

    assert "not shown: a, b (widen the terminal to 40 characters, or use `--format csv`)" in shown(
        30
    ).replace("\n", " ")
    assert "--format csv" not in shown(80)


def test_the_padding_of_a_very_wide_table_is_found_in_time_of_its_size() -> None:
    """It was quadratic: half a minute for a cell of 50,000 spaces, and so many hours for these."""
    spaces = " " * 2_000_000
    assert PADDING.sub("", f"a{spaces}b{spaces}\x1b[0m\n") == f"a{spaces}b\x1b[0m\n"
