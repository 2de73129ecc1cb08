"""A lock, so that only one etbench measures at a time on a machine: a second one waits."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.system.locks import LockError, locked

__all__ = ["WAITING", "measuring_lock"]

WAITING = "another etbench is measuring on {}: waiting until it has finished"


def _lock_path(machine: str) -> Path:
    """Return the lock's path, which is the same for all users of this host, whatever their TMPDIR is.

    Containers on one host do not share that folder: ``ETBENCH_LOCKS`` names a folder that they share.
    """
    shared = Path(os.environ.get("ETBENCH_LOCKS", "/tmp"))
    name = re.sub(r"[^\w.-]", "_", machine)
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / f"etbench-{name}.lock"


@contextmanager
def measuring_lock(on_wait: Callable[[], None], machine: str = "host") -> Iterator[None]:
    """Hold the lock of a machine; if another etbench has it, report that and wait.

    The kernel frees the lock when its holder dies, however it dies.

    Args:
        on_wait: reports that another etbench has it; called at once and then every minute.
        machine: this host, or a device that is measured from this host.

    Raises:
        EtbenchError: of stage ``time`` if the file cannot be locked.

    """
    path = _lock_path(machine)
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, on_wait))
        except LockError as error:
            raise EtbenchError(
                f"cannot take the lock for measuring: {path}: {error.strerror}",
                stage="time",
                hint="remove that file, or set ETBENCH_LOCKS=… to a folder that all users may write to",
            ) from error
        yield
