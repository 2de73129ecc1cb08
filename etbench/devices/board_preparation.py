"""Find out what a machine without Python is, and compile the native runner for it.

Whatever is asked there is a command of POSIX; the machine needs `sha256sum` besides, which BusyBox has, too.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etbench.config.devices import SshDevice
from etbench.errors import EtbenchError
from etbench.host.board_facts import usable_cores
from etbench.host.shell import ask
from etbench.host.shell_facts import CORES
from etbench.host.ssh import Ssh
from etbench.native import Target, compile_runner
from etbench.native.libraries import (
    ARCHITECTURES,
    executorch_version,
    is_host,
    libraries_for,
    shared_libraries,
)

__all__ = ["Board", "BoardRunner", "look_at", "prepare_board", "ssh_of"]

LOADERS = "/lib/libstdc++.so.6 /lib64/libstdc++.so.6 /usr/lib/libstdc++.so.6 /usr/lib64/libstdc++.so.6"
COMPILER_LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1")
SYMBOL = re.compile(rb"GLIBC_(\d+)\.(\d+)")


@dataclass(frozen=True)
class Board:
    """What a machine is.

    `architecture` is what `uname -m` calls it, `libc` the version of its glibc (None if it does not report
    one), `root` the path of the folder for what is sent, `has_cpp` whether it has C++'s library, and `cores`
    how many physical cores a process there may use.
    """

    architecture: str
    libc: tuple[int, int] | None
    root: str
    has_cpp: bool
    cores: int


@dataclass(frozen=True)
class BoardRunner:
    """A runner for a machine, the libraries that are sent beside it by name, and ExecuTorch's version."""

    executable: Path
    libraries: Mapping[str, Path]
    executorch: str


def ssh_of(device: SshDevice, control: str = "") -> Ssh:
    """Return the shell of a device; commands share a connection through the socket `control`."""
    return Ssh(host=device.host, options=device.options, control=control)


def look_at(device: SshDevice) -> Board:
    """Ask the machine what it is, and create the folder for what is sent.

    Raises:
        EtbenchError: of stage ``connect`` if it cannot be reached, or no runner can work there.

    """
    shell = ssh_of(device)
    folder = shlex.quote(device.folder)
    if device.folder.startswith("~/"):
        folder = f'"$HOME"/{shlex.quote(device.folder[2:])}'
    told = ask(
        shell,
        {
            "system": "uname -s",
            "architecture": "uname -m",
            "bits": "getconf LONG_BIT",
            "libc": "getconf GNU_LIBC_VERSION",
            "ldd": "ldd --version 2>&1 | head -n 1",
            "cpp": f"ls {LOADERS} /lib/*-linux-gnu/libstdc++.so.6 /usr/lib/*-linux-gnu/libstdc++.so.6",
            "checks": "command -v sha256sum",
            "root": f"mkdir -p {folder} && cd {folder} && pwd -P",
        }
        | CORES,
    )
    if fault := _fault(device, told):
        raise shell.error(fault[0], hint=fault[1])
    found = re.search(r"(\d+)\.(\d+)", told["libc"])
    libc = (int(found[1]), int(found[2])) if found else None
    return Board(told["architecture"], libc, told["root"], bool(told["cpp"]), usable_cores(told))


def prepare_board(
    device: SshDevice,
    compilers: Sequence[str],
    *,
    fetched: Path,
    folder: Path,
    scratch: Path,
    log: Path,
    on_wait: Callable[[], None],
) -> BoardRunner:
    """Return a runner for the machine, compiled on this host.

    A machine of this host's architecture gets this host's own runner and libraries.

    Args:
        device: the machine.
        compilers: the names of this host's compilers; those for the machine are derived from them.
        fetched: the folder of the libraries that `etbench env create --board` has fetched.
        folder: where the executable is kept; the others are also as in `etbench.native.compile_runner`.
        scratch: an existing folder for temporary files.
        log: the file for the compiler's output.
        on_wait: called if another etbench is compiling it.

    Raises:
        EtbenchError: of stage ``connect`` if the machine cannot be reached or is too old, ``compile`` if
            there are no libraries or compiler for it.

    """
    board = look_at(device)
    architecture = board.architecture
    package = libraries_for(architecture, device.libraries, fetched)
    own = is_host(architecture) and not device.libraries
    names = list(compilers) if is_host(architecture) else cross_compilers(architecture, compilers)
    executable = compile_runner(
        folder,
        names,
        scratch=scratch,
        log=log,
        on_wait=on_wait,
        target=None if own else Target(package, install_line(architecture)),
    )
    libraries = shared_libraries(package)
    if not board.has_cpp:
        libraries |= _compiler_libraries(names)
    _check_libc(device, board, [executable, *libraries.values()])
    return BoardRunner(executable, libraries, executorch_version())


def cross_compilers(architecture: str, compilers: Sequence[str]) -> list[str]:
    """Return the names of compilers for an architecture; one that names it is taken as it is."""
    return [
        name if architecture in Path(name).name else f"{architecture}-linux-gnu-{name}" for name in compilers
    ]


def install_line(architecture: str) -> str:
    """Return how to get a compiler for an architecture on Debian and Ubuntu."""
    package = f"g++-{architecture.replace('_', '-')}-linux-gnu"
    return (
        f"the runner is compiled for the board: apt-get install {package}, or name another compiler for "
        f"{architecture}: runner.compilers=[…]"
    )


def _fault(device: SshDevice, told: Mapping[str, str]) -> tuple[str, str] | None:
    """Return why no runner can work there, with the remedy; None if one can."""
    architecture = told["architecture"]
    if told["system"] != "Linux":
        return f"it is {told['system'] or 'not a machine with POSIX commands'}, not Linux", ""
    if architecture not in ARCHITECTURES:
        known = " and ".join(ARCHITECTURES)
        return (
            f"its architecture is {architecture}",
            f"ExecuTorch has wheels, and so libraries, for {known}",
        )
    if told["bits"] not in ("", "64"):
        return f"its programs are of {told['bits']} bits", "install a 64-bit system there"
    if "musl" in told["ldd"].lower():
        return (
            f"its C library is musl ({told['ldd']})",
            "ExecuTorch's libraries need glibc: install a system that has it, such as Debian",
        )
    if not told["checks"]:
        return "it has no sha256sum, which checks what is sent", "install coreutils or BusyBox there"
    if not told["root"].startswith("/"):
        return (
            f"its folder {device.folder} cannot be created",
            "set device.folder=… to one that this user may write to",
        )
    return None


def _compiler_libraries(compilers: Sequence[str]) -> dict[str, Path]:
    """Return C++'s own libraries for the machine, which the compiler on this host has."""
    compiler = next(filter(None, map(shutil.which, compilers)))
    found = {}
    for name in COMPILER_LIBRARIES:
        told = subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if Path(told).is_file():  # else it repeats the name
            found[name] = Path(told).resolve()
    return found


def _check_libc(device: SshDevice, board: Board, files: Sequence[Path]) -> None:
    """Refuse files that need a newer glibc than the machine has."""
    if board.libc is None:
        return
    needed = max(
        (tuple(map(int, pair)), path.name)
        for path in files
        for pair in SYMBOL.findall(path.read_bytes()) or [(0, 0)]
    )
    if needed[0] > board.libc:
        have, want = (".".join(map(str, one)) for one in (board.libc, needed[0]))
        raise EtbenchError(
            f"device.host={device.host}: its glibc is {have}, and {needed[1]} needs {want}",
            stage="connect",
            hint="update its system, or name a compiler with an older glibc: runner.compilers=[…]",
        )
