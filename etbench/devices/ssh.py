"""Another machine, reached through `ssh` with the user's own settings, keys and known hosts.

It has a folder of the files it was sent (`store`) and, while it measures, one process (`supervisor`).
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from etbench import errors
from etbench.artifact import program_files
from etbench.config.devices import SshDevice
from etbench.devices import store
from etbench.devices.lost_connections import LostConnections
from etbench.devices.supervisor import BEAT_S
from etbench.environments.installed import MEASURING
from etbench.errors import EtbenchError
from etbench.host import measuring_lock
from etbench.host.shell import last_line
from etbench.host.ssh import OPTIONS, SSH_FAILED, Ssh
from etbench.measure.protocol import MeasureRequest
from etbench.runtime.executors import executor_class
from etbench.system import locks
from etbench.system.process import Worker

__all__ = ["SshHost", "needed_by"]

NO_PROGRAM = 127  # exit status of a shell that finds no such program


def needed_by(executors: Iterable[str | None]) -> list[str]:
    """Return the packages that a measuring process imports for programs of these executors."""
    found = list(MEASURING)
    for executor in executors:
        found += ("torch", "executorch") if executor is None else executor_class(executor).needs
    return list(dict.fromkeys(found))  # executorch does not bring torch


class _Found(msgspec.Struct, frozen=True):
    """The answer of `store.look`."""

    root: str
    missing: list[str]
    lacking: list[str]
    platform: str


class SshHost:
    """Measures on a machine whose Python has the runtime; files that are not there yet are sent once."""

    moves = False

    def __init__(self, device: SshDevice, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> None:
        self._device = device
        self._scratch = scratch
        self._log = log
        self._tell = tell
        self._root = ""
        self._needed: list[str] = []
        self._code = ""
        self._error = Ssh(host=device.host, options=device.options).error
        self._lost = LostConnections(f"connection to {device.host}", device.retries, tell)

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Send the programs and etbench's own code; the rounds' output comes back over the connection."""
        self._needed = needed_by(subject.executor for subject in request.subjects)
        programs = [program_files(Path(subject.folder)) for subject in request.subjects]
        package = Path(errors.__file__).parent
        code = {path.relative_to(package.parent).as_posix(): path for path in package.rglob("*.py")}
        entries = {store.digest(files): files for files in (code, *programs)}
        names = [store.digest(files) for files in programs]
        self._code = store.digest(code)
        self._send_missing(entries)
        subjects = [
            msgspec.structs.replace(subject, folder=f"{self._root}/{name}", log="")
            for subject, name in zip(request.subjects, names, strict=True)
        ]
        return msgspec.structs.replace(request, subjects=subjects)

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Provide the measuring process on that machine, which ends with the connection."""
        command = ["env", f"PYTHONPATH={self._root}/{self._code}", "PYTHONDONTWRITEBYTECODE=1"]
        command += [self._device.python, "-m", "etbench.devices.supervisor"]
        process = Worker(
            "etbench.measure.worker.main", scratch=self._scratch, log=self._log, command=self._ssh(command)
        )
        done = threading.Event()
        beats = threading.Thread(target=_beat, args=(process, done), daemon=True)
        beats.start()
        try:
            yield process
        finally:
            done.set()
            process.close()
            beats.join()

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Connect again after a lost connection, as often as `device.retries` allows."""
        return self._lost.connected_again(
            error, lambda: self._look([]), is_loss=lambda error: error.exit_status == SSH_FAILED
        )

    def _look(self, names: Sequence[str]) -> list[str]:
        """Check that the other machine can measure, and return the entries that it does not have."""
        answer = self._ask("look", ",".join(self._needed), *names)
        try:
            found = msgspec.json.decode(answer, type=_Found)
        except msgspec.DecodeError as error:
            raise self._error(
                f"its shell prints {answer[:80]!r} after the answer or instead of it",
                hint=f"`ssh {self._device.host} {self._device.python} --version` must print nothing else",
            ) from error
        if found.lacking:
            words = " ".join(found.lacking)
            raise self._error(
                f"its {self._device.python} lacks {', '.join(found.lacking)}",
                hint=f"run there: {self._device.python} -m pip install {words}; or set another device.python",
            )
        if found.platform != (self._device.platform or sys.platform):
            raise self._error(
                f"its sys.platform is {found.platform}, not {self._device.platform or sys.platform}",
                hint=f"set device.platform={found.platform}: the programs it can run depend on it",
            )
        self._root = found.root
        return found.missing

    def _send_missing(self, entries: Mapping[str, Mapping[str, Path]]) -> None:
        """Send the entries that are not there yet; after a lost connection, those that are still missing."""
        missing = self._look(list(entries))
        while missing:
            try:
                self._send({name: entries[name] for name in missing}, wanted=list(entries))
                return
            except EtbenchError as error:
                if not self.goes_on_after(error):
                    raise
            missing = self._look(list(entries))

    def _send(self, entries: Mapping[str, Mapping[str, Path]], *, wanted: Sequence[str]) -> None:
        size = sum(path.stat().st_size for files in entries.values() for path in files.values())
        self._tell(f"sending {size / 1e6:.1f} MB to {self._device.host}")

        def feed(pipe: Any) -> None:
            with tarfile.open(fileobj=pipe, mode="w|") as archive:
                for name, files in entries.items():
                    for inside, path in files.items():
                        archive.add(path.resolve(), f"{name}/{inside}")

        self._ask("take", str(int(self._device.max_gb * 1e9)), *wanted, feed=feed)

    def _ask(self, what: str, *arguments: str, feed: Callable[[Any], None] | None = None) -> str:
        """Run the store on that machine and return the last line that it prints.

        Raises:
            EtbenchError: of stage ``connect``, with the error of ssh, the shell or Python.

        """
        command = self._ssh([self._device.python, "-c", _store_text(), what, self._device.folder, *arguments])
        last = ""
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            try:
                with suppress(BrokenPipeError), process.stdin:
                    for line in process.stdout:
                        last = line.decode(errors="replace").strip()
                        if last == store.WAITING:
                            self._tell(measuring_lock.WAITING.format(self._device.host))
                        elif last == store.READY:
                            if feed:
                                feed(process.stdin)
                            process.stdin.close()
            except BaseException:
                process.kill()  # else this would wait for it, and it for the lock
                raise
            words = process.stderr.read()
        if process.returncode == 0:
            return last
        hint = ""
        if process.returncode == NO_PROGRAM:
            hint = f"set device.python=… to an interpreter of that machine (now {self._device.python})"
        said = last_line(words.decode(errors="replace"))
        raise self._error(said, hint=hint, status=process.returncode)

    def _ssh(self, command: Sequence[str]) -> list[str]:
        return ["ssh", *OPTIONS, *self._device.options, "--", self._device.host, shlex.join(command)]


def _store_text() -> str:
    """Return the source of the store, after the sources of what it imports; etbench is not there yet."""
    texts = {module.__name__: _text_of(module) for module in (errors, locks, measuring_lock)}
    return (
        "import sys, types\n"
        f"for name, text in {texts!a}.items():\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    exec(text, sys.modules[name].__dict__)\n"
        f"exec({_text_of(store)!a})"
    )


def _text_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _beat(process: Worker, done: threading.Event) -> None:
    """Send heartbeats to the other end."""
    while not done.wait(BEAT_S):
        process.send_line(b"")
