"""How wide standard output is, and what happens when its reader leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etbench.terminal.pipe import CLOSED_PIPE
from etbench.terminal.streams import UNBOUNDED, plain_console

PRINTS = """
import sys
from etbench.terminal.pipe import ending_with_the_reader, outliving_the_reader
from etbench.terminal.streams import plain_console, progress_console

with ending_with_the_reader():
    match sys.argv[1]:
        case "print":
            print("x" * 100_000)
        case "buffered":
            print("x")
        case "rich":
            plain_console().print("x")
        case "exit":
            print("help")
            sys.exit(0)
        case "outliving":
            with outliving_the_reader():
                plain_console().print("x")
            sys.exit(3)
        case "progress":
            for _ in range(3):
                progress_console().print("x")
            sys.exit(3)
"""


def _unread(case: str, stream: str) -> tuple[int, str]:
    """Return the exit status of a program whose pipe is closed before it writes, and what the other says."""
    reader, writer = os.pipe()
    os.close(reader)
    other = "stderr" if stream == "stdout" else "stdout"
    done = subprocess.run(
        [sys.executable, "-c", PRINTS, case], **{stream: writer, other: subprocess.PIPE}, text=True
    )
    os.close(writer)
    return done.returncode, getattr(done, other)


@pytest.mark.parametrize("case", ["print", "buffered", "rich", "exit"])
def test_a_reader_that_leaves_ends_a_command_quietly(case: str) -> None:
    assert _unread(case, "stdout") == (CLOSED_PIPE, "")


def test_what_must_be_done_is_done_though_nobody_reads() -> None:
    assert _unread("outliving", "stdout") == (3, "")
    assert _unread("progress", "stderr") == (3, "")


def test_columns_is_the_width_of_a_pipe_and_without_it_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "piped").open("w") as piped:
        monkeypatch.setattr(sys, "stdout", piped)
        monkeypatch.setenv("COLUMNS", "72")
        assert plain_console().width == 72
        monkeypatch.delenv("COLUMNS")
        assert plain_console().width == UNBOUNDED
        for unlimited in ("", "0"):
            monkeypatch.setenv("COLUMNS", unlimited)
            assert plain_console().width == UNBOUNDED
