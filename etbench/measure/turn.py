"""One etbench times at a time: a second one on this machine waits for its turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from etbench.locks import locked

__all__ = ["turn_to_measure"]


def _lock_path() -> Path:
    """One place for the whole machine, whatever TMPDIR a user has set."""
    shared = Path("/tmp")
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / "etbench-host.lock"


@contextmanager
def turn_to_measure(on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of this machine; where another etbench has it, tell so once and wait.

    The kernel frees the lock when its holder dies, however it dies.
    """
    with locked(_lock_path(), on_wait):
        yield
