"""Compile the native runner: once for each version of its source, of ExecuTorch and of the compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from etbench.config.sections import INSTALL_COMPILER
from etbench.environments import interpreter, look, version_in
from etbench.errors import EtbenchError
from etbench.native.libraries import LIBRARIES, host_package
from etbench.system.files import sha256
from etbench.system.locks import locked_where_possible
from etbench.system.seal import has_own_seal, write_seal

__all__ = ["Target", "compile_runner", "libraries_fault"]

SOURCES = Path(__file__).parent
SHOWN = 12  # lines of the compiler's output in the error
TIMEOUT_S = 600.0

# Those of the wheel's own share/cmake/executorch-config.cmake.
FLAGS = (
    *("-std=c++17", "-O2", "-Wall", "-Wextra", "-pthread"),
    *("-DC10_USING_CUSTOM_GENERATED_MACROS", "-DET_USE_THREADPOOL", "-DET_EVENT_TRACER_ENABLED"),
)


@dataclass(frozen=True)
class Target:
    """Another machine that a runner is compiled for.

    `package` has the `lib` and `include` of ExecuTorch for it; `install` names the package of a compiler.
    """

    package: Path
    install: str


def compile_runner(
    folder: Path,
    compilers: Sequence[str],
    *,
    scratch: Path,
    log: Path,
    on_wait: Callable[[], None],
    env: str | None = None,
    target: Target | None = None,
) -> Path:
    """Return the executable of the runner, and compile it if the folder does not have one of this user yet.

    Args:
        folder: where the executable is kept; several etbench processes may share it, and several users,
            each of whom has an executable.
        compilers: the first of them that is found is used.
        scratch: an existing folder for temporary files, on the same file system.
        log: the file for the compiler's output.
        on_wait: called if another etbench is compiling it.
        env: the interpreter whose ExecuTorch has the headers and libraries, see
            `etbench.environments.interpreter`; None for this one.
        target: the machine that it is compiled for, with a package of its own; None is this host, whose
            libraries it then finds.

    Raises:
        EtbenchError: of stage ``compile`` if there is no compiler, or with the compiler's errors.

    """
    command = _command(compilers, target.package if target else _executorch(env), target)
    user = os.getuid() if hasattr(os, "getuid") else 0
    runner = folder / f"runner-{_key(command, env, target)}-{user}"
    if not has_own_seal(runner, _described):
        folder.mkdir(parents=True, exist_ok=True)
        with locked_where_possible(runner.with_name(f"{runner.name}.lock"), on_wait):
            if not has_own_seal(runner, _described):
                compiled = scratch / "runner"
                _compile(command, compiled, log)
                return runner if _kept(compiled, runner) else compiled
    return runner


def _kept(compiled: Path, runner: Path) -> bool:
    """Move a runner to where it is kept, and return whether that is possible."""
    compiled.chmod(0o755)
    try:
        if not write_seal(runner, _described(compiled)):
            return False
        compiled.replace(runner)
    except OSError:
        return False
    return True


def _described(runner: Path) -> str:
    """Return the text that is sealed."""
    return f"runner {sha256(runner)}"


def _command(compilers: Sequence[str], package: Path, target: Target | None) -> list[str]:
    """Return the command that compiles the runner for a package of ExecuTorch, without its output file."""
    compiler = next(filter(None, map(shutil.which, compilers)), None)
    if compiler is None:
        raise EtbenchError(
            f"none of {', '.join(compilers)} is installed",
            stage="compile",
            hint=target.install if target else INSTALL_COMPILER,
        )
    headers = [package / "include", package / "include/executorch/runtime/core/portable_type/c10"]
    return [
        compiler,
        *FLAGS,
        *(word for folder in headers for word in ("-isystem", str(folder))),
        str(SOURCES / "runner.cpp"),
        f"-L{package / 'lib'}",
        f"-Wl,{'-rpath-link' if target else '-rpath'},{package / 'lib'}",
        "-Wl,--no-as-needed",  # kernels and backends register themselves: nothing refers to them
        *(f"-l{name}" for name in LIBRARIES),
    ]


def _executorch(env: str | None) -> Path:
    """Return the folder of the package of an interpreter without importing it."""
    if env is None:
        return host_package()
    folders = look(interpreter(env)).executorch
    if not folders:
        raise EtbenchError("executorch is not installed", stage="compile")
    return folders[0]


def libraries_fault(env: str | None) -> str | None:
    """Return why the runner cannot be compiled against the ExecuTorch of an interpreter, or None.

    Wheels have libraries to link with from 1.5.0 on.
    """
    if any((_executorch(env) / "lib").glob("libexecutorch.*")):
        return None
    return (
        f"executorch {version_in(env, 'executorch')} has no libraries to link the native runner with, as "
        "wheels have from 1.5.0 on; use runner=python"
    )


def _key(command: list[str], env: str | None, target: Target | None) -> str:
    """Return a checksum of everything that the executable depends on."""
    told = subprocess.run(
        [command[0], "--version"], capture_output=True, text=True, errors="replace", check=False
    ).stdout
    digest = hashlib.sha256("\n".join([version_in(env, "executorch") or "", told, *command]).encode())
    if target:  # whatever lies in a folder of the user today
        digest.update(sha256(target.package / "lib" / f"lib{LIBRARIES[0]}.so").encode())
    for source in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.cpp")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _compile(command: list[str], into: Path, log: Path) -> None:
    try:
        done = _run_to_its_end([*command, "-o", str(into)], scratch=into.parent)
    except subprocess.TimeoutExpired as error:
        raise EtbenchError(
            f"{command[0]} did not compile the native runner within {TIMEOUT_S:g} s", stage="compile"
        ) from error
    with log.open("a", encoding="utf-8") as file:
        file.write(done.stderr)
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[:SHOWN]) or "it printed no error"
        raise EtbenchError(
            f"{command[0]} could not compile the native runner:\n{said}",
            stage="compile",
            hint=f"a compiler for C++17 is required; see {log} for its full output",
        )


def _run_to_its_end(command: list[str], *, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run a compiler; if waiting for it is interrupted, kill it and everything that it started."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "TMPDIR": str(scratch)},
        start_new_session=True,
    ) as process:
        try:
            said = process.communicate(timeout=TIMEOUT_S)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return subprocess.CompletedProcess(command, process.returncode, *said)
