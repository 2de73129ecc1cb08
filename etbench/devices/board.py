"""A machine that is reached over `ssh` and has no Python; its worker runs on this host, its rounds there.

Only a native runner, the libraries that it needs and the programs are sent. While something is measured
there, one connection is open, which holds the machine's own lock for measuring and which all commands share.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from etbench.artifact import program_files
from etbench.config.devices import SshDevice
from etbench.devices import store
from etbench.devices.board_preparation import Board, BoardRunner, look_at, ssh_of
from etbench.devices.lost_connections import LostConnections
from etbench.devices.sending import missing_there, send
from etbench.devices.supervisor import BEAT_S
from etbench.errors import EtbenchError
from etbench.host.board_facts import board_environment
from etbench.host.environment import Environment
from etbench.host.measuring_lock import WAITING
from etbench.host.remote import RemoteRunner
from etbench.host.shell import last_line
from etbench.host.ssh import SSH_FAILED, Ssh
from etbench.measure.protocol import MeasureRequest
from etbench.system.channel import die_with_parent
from etbench.system.process import Worker, worker

__all__ = ["BoardHost"]

RUNNER = "etbench-runner"
LOCK = '"${ETBENCH_LOCKS:-/tmp}/etbench-host.lock"'  # as etbench.host.measuring_lock
LONGEST_SOCKET = 80  # bytes of a path; Linux allows 107, and ssh appends some for a while
MIB = 2**20


class BoardHost:
    """Measures on a machine that needs nothing but a shell; files that are not there yet are sent once."""

    moves = False

    def __init__(
        self,
        device: SshDevice,
        runner: BoardRunner,
        *,
        scratch: Path,
        log: Path,
        tell: Callable[[str], None],
    ) -> None:
        control = str(scratch.absolute() / "ssh")
        shares = len(control.encode()) <= LONGEST_SOCKET
        self._device = device
        self._runner = runner
        self._scratch = scratch
        self._log = log
        self._tell = tell
        self._ssh = ssh_of(device)
        self._shared = ssh_of(device, control if shares else "")  # while the lock is held
        self._remote = RemoteRunner(shell=self._shared, runner="", folder="", executorch=runner.executorch)
        self._lost = LostConnections(f"connection to {device.host}", device.retries, tell)

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Send the runner and the programs, and return the request with their paths there."""
        board = look_at(self._device)
        programs = [program_files(Path(subject.folder)) for subject in request.subjects]
        folders = [f"{board.root}/{store.digest(files)}" for files in programs]
        self._send_runner(board, keep=folders)
        self._remote = msgspec.structs.replace(self._remote, affinity=request.affinity)
        files = {
            f"{folder}/{name}": path
            for folder, entry in zip(folders, programs, strict=True)
            for name, path in entry.items()
        }
        if missing := missing_there(self._ssh, files):
            with self._turn():  # sending would disturb a measurement there
                self._send(self._shared, board, files, missing, [self._remote.libraries, *folders])
        threads = len(request.affinity or ()) or board.cores
        subjects = [
            msgspec.structs.replace(
                subject,
                runner=None,
                threads=subject.threads or threads,
                remote=msgspec.structs.replace(self._remote, folder=folder),
            )
            for subject, folder in zip(request.subjects, folders, strict=True)
        ]
        return msgspec.structs.replace(request, subjects=subjects, affinity=None)

    def environment(self) -> Environment:
        """Return the facts about the machine; the runner, which reports some of them, is sent."""
        self._send_runner(look_at(self._device))
        return board_environment(
            self._ssh,
            self._remote.words("describe"),
            threads=None,
            runtimes=[],
            executorch=self._runner.executorch,
        )

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Provide the measuring process, which leaves nothing running on the machine when it ends."""
        module = "etbench.measure.worker.main"
        with self._turn(), worker(module, scratch=self._scratch, log=self._log) as process:
            yield process

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Connect again after a lost connection, as often as `device.retries` allows."""
        return self._lost.connected_again(
            error, lambda: look_at(self._device), is_loss=lambda error: error.exit_status == SSH_FAILED
        )

    def _send_runner(self, board: Board, keep: Sequence[str] = ()) -> None:
        """Send the runner with its libraries; before that, nothing there could hold the lock."""
        entry = {RUNNER: self._runner.executable, **self._runner.libraries}
        folder = f"{board.root}/{store.digest(entry)}"
        self._remote = msgspec.structs.replace(self._remote, runner=f"{folder}/{RUNNER}", libraries=folder)
        files = {f"{folder}/{name}": path for name, path in entry.items()}
        if missing := missing_there(self._ssh, files):
            self._send(self._ssh, board, files, missing, [folder, *keep])

    def _send(
        self,
        shell: Ssh,
        board: Board,
        files: Mapping[str, Path],
        missing: Mapping[str, str],
        folders: Sequence[str],
    ) -> None:
        """Send files, after removing entries that were not used for longest; `folders` are never removed."""
        needed = sum(files[there].stat().st_size for there in missing)
        free = self._make_room(shell, board, needed, folders)
        if free < needed:
            raise shell.error(
                f"{needed / MIB:.1f} MiB must be sent, and {free / MIB:.1f} MiB are free in {board.root}",
                hint="make room there, or set device.folder=… to a folder with more",
            )
        hint = f"check its free space: ssh {self._device.host} df {board.root}"
        send(shell, files, missing, self._tell, hint=hint)

    def _make_room(self, shell: Ssh, board: Board, needed: int, folders: Sequence[str]) -> int:
        """Keep the folder there below `device.max_gb`, and return how many bytes are free after that."""
        keep = " ".join(folder.rpartition("/")[2] for folder in folders)
        limit_kib = int(self._device.max_gb * 1e9 - needed) // 1024
        root = shlex.quote(board.root)
        told = shell.shell(
            f"cd {root} || exit 1; touch -c {keep} 2>/dev/null; ls -tr | while read -r entry; do "
            f'case " {keep} " in *" $entry "*) continue;; esac; '
            # not a name that etbench gives
            'case "$entry" in *[!0-9a-f]*) continue;; esac; [ "${#entry}" -eq 32 ] || continue; '
            f'[ "$(du -sk . | cut -f1)" -gt {limit_kib} ] || break; rm -rf "./$entry"; done; '
            "df -Pk . | tail -n 1"
        )
        words = told.split()
        return int(words[3]) * 1024 if len(words) > 3 and words[3].isdecimal() else needed

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock for measuring there, over a connection that all commands share."""
        with subprocess.Popen(
            self._shared.master(f"{self._remote.words('hold')} {LOCK}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
        ) as process:
            assert process.stdin is not None
            done = threading.Event()
            beats = threading.Thread(target=_beat, args=(process, done), daemon=True)
            try:
                self._wait_for_turn(process)
                beats.start()
                yield
            finally:
                done.set()
                process.kill()  # the connection ends, and with it all that runs there
                if self._shared.control:
                    Path(self._shared.control).unlink(missing_ok=True)  # else the next one is not shared
                if beats.ident:
                    beats.join()
                with suppress(BrokenPipeError):
                    process.stdin.close()

    def _wait_for_turn(self, process: subprocess.Popen[str]) -> None:
        """Return once the lock is held.

        Raises:
            EtbenchError: of stage ``connect`` if the connection was lost or the runner does not start there,
                ``time`` if it cannot take the lock.

        """
        assert process.stdout is not None and process.stderr is not None
        said = ""
        for line in process.stdout:
            said = line.strip()
            if said == "ready":
                return
            if said == "waiting":
                self._tell(WAITING.format(self._device.host))
        status = process.wait()
        if status == 1 and said.startswith("cannot take the lock"):
            raise EtbenchError(
                f"device.host={self._device.host}: {said}",
                stage="time",
                hint="remove that file there, or set ETBENCH_LOCKS there to a folder that all may write to",
            )
        hint = "the runner does not start there: is device.folder on a file system that runs programs?"
        if status == SSH_FAILED:
            hint = ""
        raise self._ssh.error(last_line(process.stderr.read()), hint=hint, status=status)


def _beat(process: subprocess.Popen[str], done: threading.Event) -> None:
    """Send heartbeats to the other end."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        while not done.wait(BEAT_S):
            process.stdin.write("\n")
            process.stdin.flush()
