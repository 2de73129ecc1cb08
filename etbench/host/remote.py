"""A machine without etbench that a subject is measured on, and what was sent to it."""

from __future__ import annotations

import shlex

from msgspec import Struct

from etbench.host.adb import Adb
from etbench.host.ssh import Ssh

__all__ = ["RemoteRunner"]


class RemoteRunner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine that a subject is measured on.

    `runner` is the native runner's executable there, `libraries` the folder of the shared libraries that it
    needs (empty if it needs none), `executorch` their version, `folder` the program's folder, and `affinity`
    pins the runner to these CPUs.
    """

    shell: Adb | Ssh
    runner: str
    folder: str
    libraries: str = ""
    executorch: str = ""
    affinity: list[int] | None = None

    def words(self, *arguments: str) -> str:
        """Return the text for that machine's shell which runs the runner."""
        words = [self.runner, *arguments]
        if self.affinity:
            words = ["taskset", f"{sum(1 << cpu for cpu in self.affinity):x}", *words]
        found = f"LD_LIBRARY_PATH={shlex.quote(self.libraries)} " if self.libraries else ""
        return found + shlex.join(words)
