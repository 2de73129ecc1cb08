"""The shell of a machine that measures and has no etbench: its commands and its files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from etbench.errors import EtbenchError

__all__ = ["ANSWER_S", "LOST", "Shell", "ask", "last_line", "run_client", "transfer_s"]

ANSWER_S = 60.0  # limit of a command: a dead connection may never answer
LOST = 255  # exit status of a program whose connection was lost
SLOWEST_BYTES_PER_S = 250_000  # adds to the limit for the size of a file


class Shell(Protocol):
    """The shell of one machine; every method raises an error of stage ``connect``."""

    @property
    def machine(self) -> str:
        """What the machine is known by, however it is connected."""

    @property
    def attached(self) -> bool:
        """Whether the machine can be used now."""

    def command(self, text: str) -> list[str]:
        """Return a command of this host that runs a text in that shell, with its status and pipes."""

    def shell(self, text: str, *, feed: str = "") -> str:
        """Run a text in that shell, with `feed` on its standard input; return what it prints."""

    def push(self, here: Path, there: str) -> None:
        """Copy a file to the machine."""

    def pull(self, there: str, here: str) -> None:
        """Copy a file from the machine."""

    def error(self, words: str, *, hint: str = "") -> EtbenchError:
        """Return an error that names the machine."""


def run_client(
    command: Sequence[str], feed: str = "", timeout_s: float = ANSWER_S
) -> subprocess.CompletedProcess[str]:
    """Run the program that connects; if it does not answer in time, it has failed."""
    try:
        return subprocess.run(
            command,
            input=feed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, LOST, "", f"no answer within {timeout_s:.0f} s")


def last_line(text: str) -> str:
    """Return the last line of what a program printed, for an error."""
    return (text.strip().splitlines() or ["no reason given"])[-1]


def transfer_s(size: int) -> float:
    """Return the limit for copying this many bytes."""
    return ANSWER_S + size / SLOWEST_BYTES_PER_S


def ask(shell: Shell, commands: Mapping[str, str]) -> dict[str, str]:
    """Return what each command prints in a machine's shell, by name; empty if it fails."""
    text = "; ".join(f"echo; echo '#{name}'; {command} 2>/dev/null" for name, command in commands.items())
    parts = re.split(r"^#(\w+)\n", shell.shell(f"{text}; true").replace("\r\n", "\n"), flags=re.MULTILINE)
    told = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    return dict.fromkeys(commands, "") | told
