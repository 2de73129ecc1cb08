"""A machine that is reached through `ssh`, and needs only the commands of POSIX and `sha256sum`."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import IO

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.host.shell import LOST, last_line, run_client, transfer_s

__all__ = ["OPTIONS", "SSH_FAILED", "Ssh"]

# No password is asked for, since nobody may be there to enter one; a dead connection is noticed in 15 s.
OPTIONS = ("-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")
SSH_FAILED = LOST  # exit status of ssh itself


class Ssh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ssh"):
    """One machine, by the name that `ssh` takes; every method raises an error of stage ``connect``.

    `options` are additional ones of `ssh`. Without `control`, each command makes its own connection. With it,
    the path of a socket, all share that of `master`, and fail as a lost connection does once it has ended.
    """

    host: str
    options: tuple[str, ...] = ()
    control: str = ""

    @property
    def machine(self) -> str:
        """What the machine is known by."""
        return self.host

    @property
    def attached(self) -> bool:
        """Whether a new connection can be made now."""
        return run_client(self._client("true", ())).returncode == 0

    def command(self, text: str) -> list[str]:
        """Return a command of this host that runs a text in a POSIX shell there, whatever the login shell.

        The text is not the last command of that shell, so that the shell reports a signal that kills it as a
        status above 128. `ssh` itself reports a signal as it reports a lost connection.
        """
        if not self.control:
            return self._client(text, ())
        alone = ("-o", "ProxyCommand=false")  # what would make a connection of its own
        return self._client(text, (*self._socket, "-o", "ControlMaster=no", *alone))

    def master(self, text: str) -> list[str]:
        """Return the same command, whose connection the others share until it ends."""
        return self._client(text, (*self._socket, "-o", "ControlMaster=yes") if self.control else ())

    def shell(self, text: str, *, feed: str = "") -> str:
        """Run a text in the shell there, with `feed` on its standard input; return what it prints."""
        return self._said(run_client(self.command(text), feed))

    def push(self, here: Path, there: str) -> None:
        """Copy a file to the machine."""
        with here.open("rb") as file:
            self._copied(f"cat > {shlex.quote(there)}", here.stat().st_size, stdin=file)

    def pull(self, there: str, here: str) -> None:
        """Copy a file from the machine."""
        quoted = shlex.quote(there)
        size = self.shell(f"wc -c < {quoted}").strip()
        if not size.isdecimal():
            raise self.error(f"the size of {there} there is {size[:80]!r}, which is not a number")
        with Path(here).open("wb") as file:
            self._copied(f"cat {quoted}", int(size), stdout=file)
        if Path(here).stat().st_size != int(size):
            raise self.error(f"{there} did not arrive intact")

    def error(self, words: str, *, hint: str = "", status: int | None = None) -> EtbenchError:
        """Return an error that names the machine, and what to try if ssh itself failed."""
        if status == SSH_FAILED:
            hint = hint or f"`ssh {self.host} true` must work without asking a question"
        return EtbenchError(
            f"device.host={self.host}: {words}", stage="connect", hint=hint, exit_status=status
        )

    @property
    def _socket(self) -> tuple[str, ...]:
        return "-o", f"ControlPath={self.control}"

    def _client(self, text: str, more: Sequence[str]) -> list[str]:
        shell = f"sh -c {shlex.quote(f'{text}; exit $?')}"
        return ["ssh", *OPTIONS, *more, *self.options, "--", self.host, shell]

    def _copied(
        self, text: str, size: int, *, stdin: IO[bytes] | int = DEVNULL, stdout: IO[bytes] | int = DEVNULL
    ) -> None:
        command, limit_s = self.command(text), transfer_s(size)
        try:
            done = subprocess.run(
                command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            raise self.error(f"no answer within {limit_s:.0f} s", status=SSH_FAILED) from None
        words = done.stderr.decode(errors="replace")
        self._said(subprocess.CompletedProcess(command, done.returncode, "", words))

    def _said(self, done: subprocess.CompletedProcess[str]) -> str:
        if done.returncode:
            raise self.error(last_line(done.stderr or done.stdout), status=done.returncode)
        return done.stdout
