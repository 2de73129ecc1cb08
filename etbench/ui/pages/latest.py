"""Keep only the answer to the latest request of a page."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

__all__ = ["Latest"]


class Latest:
    """Answers may arrive in any order; only that to the latest request is used, while the tab is open.

    Args:
        place: where the answers are shown.

    """

    def __init__(self, place: ui.element) -> None:
        self._place = place
        self._asked = 0

    def ask(self) -> Callable[[], bool]:
        """Start a request; the returned function reports whether its answer is still needed."""
        self._asked += 1
        mine = self._asked
        return lambda: mine == self._asked and not self._place.is_deleted
