"""How the fresh process of a task is attended to, and what is said where it does not answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from etbench.errors import EtbenchError
from etbench.system.process import exit_description

__all__ = ["Attendance"]


@dataclass(frozen=True)
class Attendance:
    """What goes with a task, however and wherever its process is started.

    `stage` is named in errors. `waiting` is called every 15 s with the seconds it has taken so far, `tell`
    gets a line about slow going. The process is killed if it takes longer than `timeout_s`; `log` is a file
    that gets what it prints, without one the standard error of this process does.
    """

    stage: str
    waiting: Callable[[float], None]
    tell: Callable[[str], None]
    timeout_s: float = math.inf
    log: str = ""

    def late(self) -> EtbenchError:
        """Return the error of a process that was killed for taking too long."""
        return EtbenchError(
            f"a round or check took longer than {self.timeout_s:g} s and was killed",
            stage=self.stage,
            kind="Timeout",
            hint="raise measure.timeout_s if it is slow rather than hanging",
        )

    def died(self, exit_status: int) -> EtbenchError:
        """Return the error of a process that ended without an answer."""
        return EtbenchError(
            f"the process of a round {exit_description(exit_status)}",
            stage=self.stage,
            kind="ProcessDied",
            hint="the log has its last words; a kill without a word is often the kernel, out of memory",
            exit_status=exit_status,
        )
