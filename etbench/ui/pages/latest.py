"""Which of the answers that a page waits for it still wants."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

__all__ = ["Latest"]


class Latest:
    """Of answers that come in any order, only that to the last question is wanted, in a tab that is open.

    Args:
        place: where the answers are shown.

    """

    def __init__(self, place: ui.element) -> None:
        self._place = place
        self._asked = 0

    def ask(self) -> Callable[[], bool]:
        """Begin a question; what comes back tells whether its answer is still wanted."""
        self._asked += 1
        mine = self._asked
        return lambda: mine == self._asked and not self._place.is_deleted
