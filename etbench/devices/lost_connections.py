"""Retries after a lost connection, for all machines that are reached over one."""

from __future__ import annotations

import time
from collections.abc import Callable

from etbench.errors import EtbenchError

__all__ = ["LostConnections"]

WAIT_S = 2.0  # before the first attempt to connect again; twice as long before each further one
LONGEST_WAIT_S = 60.0


class LostConnections:
    """Connects again, until the connection was lost too often.

    Args:
        what: the connection, for messages.
        retries: how often to connect again.
        tell: receives a line when the user must wait.

    """

    def __init__(self, what: str, retries: int, tell: Callable[[str], None]) -> None:
        self._what = what
        self._retries = retries
        self._tell = tell
        self._lost = 0

    def connected_again(
        self,
        error: EtbenchError,
        connect: Callable[[], object],
        *,
        is_loss: Callable[[EtbenchError], bool],
    ) -> bool:
        """Connect again after an error, and return whether that succeeded.

        Args:
            error: what ended a measurement.
            connect: connects, or raises an error.
            is_loss: returns whether an error is a lost connection, so that it may not occur again.

        """
        wait_s = WAIT_S
        while is_loss(error) and self._lost < self._retries:
            self._lost += 1
            self._tell(f"{self._what} lost; connecting again in {wait_s:g} s")
            time.sleep(wait_s)
            try:
                connect()
            except EtbenchError as again:
                error, wait_s = again, min(2 * wait_s, LONGEST_WAIT_S)
            else:
                return True
        return False
