"""What each surface takes for a command does not reach it."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.escaping import (
    csv_cell,
    github_message,
    github_property,
    html,
    markdown_bold,
    markdown_row,
    markdown_text,
    one_line,
    terminal_text,
    xml_text,
)
from etbench.text import printable

ANY = st.text(st.characters(codec=None))  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x9b31m", "\\x1b]0;title\\x07\\x9b31m"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("::error::a", "\\::error::a"),
        ("a\n  ::add-mask::b", "a\n\\  ::add-mask::b"),
        ("##[group]a", "##\\[group]a"),
        ("aten::add.out", "aten::add.out"),
        ("[red]a[/red] :smile:", "[red]a[/red] :smile:"),
    ],
)
def test_a_terminal_gets_no_command(text: str, shown: str) -> None:
    assert terminal_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x>", "&lt;img src=x>"),
        ("&lt;b>", "&amp;lt;b>"),
        ("[a](https://evil)", "\\[a\\](https:\u200b//evil)"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("ping @team and me@host", "ping @\u200bteam and me@\u200bhost"),
        ("fixes #12, GH-3", "fixes #\u200b12, GH\u200b-3"),
        ("a\n\n### passed", "a ### passed"),
        ("### passed", "\\### passed"),
        ("- [x] done", "\\- \\[x\\] done"),
        ("---", "\\---"),
        ("> quoted", "\\> quoted"),
        ("-1.5", "-1.5"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("a|b`c`*d*~e~\\", "a\\|b\\`c\\`\\*d\\*\\~e\\~\\\\"),
    ],
)
def test_markdown_is_one_line_of_plain_text(text: str, shown: str) -> None:
    assert markdown_text(text) == shown


def test_a_row_has_as_many_cells_as_values() -> None:
    row = markdown_row(["a|b\nc", -1.5, "-", markdown_bold("x|y")])
    assert row == "| a\\|b c | -1.5 | - | **x\\|y** |"


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A0", "@SUM(A1)", "+1", "-1+2", "-", "\uff1d1"])
def test_no_text_is_a_formula_of_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_cell(f"\t{text}") == f"\\t{text}"


@pytest.mark.parametrize("value", [-1.5, 0, True, None, float("inf"), "a=b", "1.5", "resnet18", ""])
def test_a_spreadsheet_keeps_numbers_and_other_texts(value: object) -> None:
    assert csv_cell(value) is value


@given(ANY)
def test_any_text_is_safe_on_every_surface(text: str) -> None:
    assert terminal_text(text).replace("\n", "").isprintable()
    for line in terminal_text(text).split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert markdown_text(text).replace("\u200b", "").isprintable()
    assert "<" not in markdown_text(text)
    assert one_line(text).isprintable()
    assert github_message(text).isprintable()
    assert not {":", ",", "\n"} & set(github_property(text))
    element = ElementTree.Element("a")
    element.text = xml_text(text)
    assert ElementTree.fromstring(ElementTree.tostring(element)).text in (printable(text), None)
    assert not set("<>\"'") & set(html(text))
    file = io.StringIO(newline="")
    csv.writer(file).writerow([csv_cell(text), 1])
    ((cell, number),) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert number == "1"
