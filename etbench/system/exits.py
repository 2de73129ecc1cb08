"""How a process ended, by its exit status."""

from __future__ import annotations

import signal

__all__ = ["SIGNALS_FROM", "exit_description", "status_from_shell"]

SIGNALS_FROM = 128  # a shell, and so ssh and adb, adds a signal's number to it


def exit_description(code: int) -> str:
    """Describe how a process ended: ``was killed by SIGKILL`` or ``exited with status 3``."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with status {code}"


def status_from_shell(status: int) -> int:
    """Convert the exit status that a shell returns to the one that a parent gets: 137 to -9."""
    return SIGNALS_FROM - status if status - SIGNALS_FROM in set(signal.Signals) else status
