"""A real OpenSSH server on the loopback, and beside it a Python of its own that has no etbench."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tools import need
from waiting import wait_for

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A running sshd; `overrides` make its machine the device of a cell."""

    process: psutil.Process
    home: Path
    python: Path
    options: list[str]

    @property
    def overrides(self) -> list[str]:
        return [
            "device=ssh",
            f"device.host={HOST}",
            f"device.python={self.python}",
            f"device.folder={self.home / 'store'}",
            f"device.options={json.dumps(self.options)}",
        ]

    def measuring(self) -> list[psutil.Process]:
        """Return the processes of etbench over there: those of its interpreter."""
        found = psutil.process_iter(["cmdline", "status"])
        return [
            process
            for process in found
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and (process.info["cmdline"] or [])[:1] == [str(self.python)]
        ]

    def running(self, name: str) -> list[psutil.Process]:
        """Return the processes of a program that was sent there."""
        found = psutil.process_iter(["cmdline", "status"])
        return [
            process
            for process in found
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and any(
                word.startswith(str(self.home)) and word.endswith(name)
                for word in process.info["cmdline"] or []
            )
        ]

    def cut(self) -> None:
        """Kill the processes that hold the connections, and nothing of what they have started."""
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name().startswith("sshd"):
                    child.kill()


@contextmanager
def serving(home: Path, *, shell: Path | None = None) -> Iterator[Server]:
    """Run a server for this user alone, with its files in this folder.

    With a `shell`, that program gets each command instead of the user's shell, and there is no Python.
    """
    need("ssh")
    sshd = need("sshd")  # which refuses to start unless it is called by its whole path
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    shutil.copy(home / "user_key.pub", home / "authorized_keys")
    python = home / "no-python" if shell else _python_without_etbench(home / "venv")
    port = _free_port()  # as late as can be, before another takes it
    (home / "known_hosts").write_text(f"[{HOST}]:{port} {(home / 'host_key.pub').read_text()}")
    (home / "sshd_config").write_text(
        f"Port {port}\nListenAddress {HOST}\nHostKey {home / 'host_key'}\nPidFile none\n"
        f"AuthorizedKeysFile {home / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        + (f"ForceCommand {shell}\n" if shell else "")
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server that runs as root separates privileges
    options = ["-F", "none", "-p", str(port), "-i", str(home / "user_key"), "-o", "IdentitiesOnly=yes"]
    options += ["-o", f"UserKnownHostsFile={home / 'known_hosts'}"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen([sshd, "-D", "-e", "-f", home / "sshd_config"], stderr=log) as process,
    ):
        try:
            wait_for(lambda: b"listening" in (home / "log").read_bytes())
            yield Server(psutil.Process(process.pid), home, python, options)
        finally:
            process.terminate()


def _python_without_etbench(folder: Path) -> Path:
    """Make a virtual environment that sees the installed libraries, but neither etbench nor its `.pth`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    inside = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(inside) / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    gone = subprocess.run(
        [python, "-c", "import etbench.engine.run"], capture_output=True, cwd=folder, check=False
    )
    assert gone.returncode == 1, "etbench is found there, so that its being sent would not be seen"
    return python


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
