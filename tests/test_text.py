"""Numbers in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.text import and_more, counted, seconds_text, shown_path


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.0042, "4.2 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1.34, "1.3 s"), (42.6, "43 s")),
        *((99.4, "99 s"), (99.6, "100 s"), (118, "118 s"), (700, "11 min 40 s")),
    ],
)
def test_durations_have_the_precision_a_reader_wants(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_one_thing_is_singular() -> None:
    assert [counted(count, "more cell") for count in (0, 1, 2)] == [
        "0 more cells",
        "1 more cell",
        "2 more cells",
    ]


def test_a_long_list_ends_with_the_number_of_the_others() -> None:
    assert and_more("abc", most=3) == "a, b, c"
    assert and_more("abc", most=2) == "a, b and 1 more"


def test_a_path_is_shown_from_the_current_folder_if_it_is_in_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inside := tmp_path / "inside").mkdir()
    monkeypatch.chdir(inside)
    assert shown_path(inside / "net.py") == "net.py"
    assert shown_path(tmp_path / "net.py") == str(tmp_path / "net.py")
    inside.rmdir()
    assert shown_path(inside / "net.py") == str(inside / "net.py")
