"""One etbench times at a time on a machine: a second one waits for its turn."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.system.locks import LockError, locked

__all__ = ["OTHERS_TURN", "turn_to_measure"]

OTHERS_TURN = "another etbench is measuring on {}: waiting for its turn to end"


def _lock_path(machine: str) -> Path:
    """One place for all users of this host, whatever TMPDIR they have set.

    Containers of one host do not see each other's: ``ETBENCH_LOCKS`` names a folder that they share.
    """
    shared = Path(os.environ.get("ETBENCH_LOCKS", "/tmp"))
    name = re.sub(r"[^\w.-]", "_", machine)
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / f"etbench-{name}.lock"


@contextmanager
def turn_to_measure(on_wait: Callable[[], None], machine: str = "host") -> Iterator[None]:
    """Hold the lock of a machine; where another etbench has it, tell so and wait.

    The kernel frees the lock when its holder dies, however it dies.

    Args:
        on_wait: tells that there is another, at once and then each minute.
        machine: this host, or one that is measured from here.

    Raises:
        EtbenchError: of stage ``time`` if the lock cannot be had at all.

    """
    path = _lock_path(machine)
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, on_wait))
        except LockError as error:
            raise EtbenchError(
                f"the turn to measure cannot be taken: {path}: {error.strerror}",
                stage="time",
                hint="remove that file, or name a folder where all users here may write: ETBENCH_LOCKS=…",
            ) from error
        yield
