"""ExecuTorch's libraries and headers for a machine of another architecture, from the wheel for it.

They are fetched once, on request, into the folder of the compiled runners: a run never downloads them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.metadata import version
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.system.files import sha256
from etbench.system.locks import locked_where_possible
from etbench.system.seal import has_own_seal, write_seal

__all__ = [
    "ARCHITECTURES",
    "LIBRARIES",
    "executorch_version",
    "fetch_command",
    "fetch_libraries",
    "host_package",
    "is_host",
    "kept_libraries",
    "libraries_for",
    "shared_libraries",
]

# The libraries of the wheel's own share/cmake/executorch-config.cmake that the runner is linked with.
LIBRARIES = (
    "executorch",
    "executorch_kernels_optimized",
    "executorch_kernels_quantized",
    "executorch_backend_xnnpack",
    "executorch_threadpool",
    "executorch_etdump",
)
ARCHITECTURES = {"aarch64": 183, "x86_64": 62}  # by `uname -m`: the number in the header of an ELF file
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
STAGE = "compile"
INSIDE = "executorch/"  # of the wheel
SHOWN = 4  # lines of pip in the error


def executorch_version() -> str:
    """Return the version that builds the programs here, without what a local build appends."""
    return version("executorch").partition("+")[0]


def fetch_command(architecture: str) -> str:
    """Return the command line that fetches the libraries."""
    return f"etbench env create --board {architecture}"


def is_host(architecture: str) -> bool:
    """Return whether this host runs programs of that architecture of Linux itself."""
    return sys.platform == "linux" and platform.machine() == architecture


def host_package() -> Path:
    """Return the folder of the installed package without importing it."""
    found = importlib.util.find_spec("executorch")
    if found is None or not found.submodule_search_locations:
        raise EtbenchError("executorch is not installed", stage=STAGE)
    return Path(next(iter(found.submodule_search_locations)))


def shared_libraries(package: Path) -> dict[str, Path]:
    """Return the libraries that the runner needs at run time, by name."""
    return {f"lib{name}.so": package / "lib" / f"lib{name}.so" for name in LIBRARIES}


def libraries_for(architecture: str, named: str | None, folder: Path) -> Path:
    """Return the folder with `lib` and `include` for an architecture.

    Args:
        architecture: as `uname -m` calls it.
        named: the folder that the user gives (`device.libraries`), if any.
        folder: where `fetch_libraries` keeps them.

    Raises:
        EtbenchError: of stage ``compile`` if there are none, or they are for another architecture.

    """
    if named:
        return _named(architecture, named)
    if is_host(architecture):
        return host_package()
    kept = kept_libraries(architecture, folder)
    if not has_own_seal(kept, _described):
        raise EtbenchError(
            f"the libraries of ExecuTorch {executorch_version()} for {architecture} are not on this host",
            stage=STAGE,
            hint=f"run once: {fetch_command(architecture)}; or name a folder of them: device.libraries=…",
        )
    return kept


def fetch_libraries(architecture: str, folder: Path, *, on_wait: Callable[[], None]) -> Path:
    """Download the wheel for an architecture, unless that was done, and keep its libraries and headers.

    Args:
        architecture: one of `ARCHITECTURES`.
        folder: they are kept in a folder of it, which is complete or absent.
        on_wait: called if another etbench is fetching them.

    Raises:
        EtbenchError: of stage ``compile`` with the error of pip, or of what it brought.

    """
    kept = kept_libraries(architecture, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked_where_possible(kept.with_name(f"{kept.name}.lock"), on_wait):
        if has_own_seal(kept, _described):
            return kept
        with tempfile.TemporaryDirectory(dir=folder, prefix=".coming-") as coming:
            package = Path(coming) / "package"
            _unpack(_downloaded(architecture, Path(coming)), package)
            _check(architecture, package, f"the wheel for {architecture}")
            if not write_seal(kept, _described(package)):
                raise EtbenchError(
                    "they cannot be kept: there is no folder for the key that would seal them",
                    stage=STAGE,
                    hint="set XDG_STATE_HOME to a folder that only you can write to",
                )
            shutil.rmtree(kept, ignore_errors=True)  # damaged, or of another user
            package.rename(kept)
    return kept


def kept_libraries(architecture: str, folder: Path) -> Path:
    """Return the folder that `fetch_libraries` makes for this user."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return folder / f"executorch-{executorch_version()}-{architecture}-{user}"


def _named(architecture: str, named: str) -> Path:
    """Return the user's folder: that of the package, or the one that it lies in."""
    what = f"device.libraries={named}"
    folders = (Path(named).expanduser(), Path(named).expanduser() / "executorch")
    package = next((folder for folder in folders if (folder / "lib").is_dir()), None)
    if package is None:
        raise EtbenchError(
            f"{what}: there is no folder lib in it",
            stage=STAGE,
            hint=f"give that of an unpacked wheel, executorch, or run once: {fetch_command(architecture)}",
        )
    _check(architecture, package, what)
    return package


def _check(architecture: str, package: Path, what: str) -> None:
    """Refuse a package that lacks something, or is for another architecture."""
    wanted = [*shared_libraries(package).values(), package / "include" / INSIDE / "runtime"]
    if missing := [str(path.relative_to(package)) for path in wanted if not path.exists()]:
        raise EtbenchError(f"{what}: {', '.join(missing)} is missing", stage=STAGE)
    for path in shared_libraries(package).values():
        if (found := _machine(path)) != ARCHITECTURES[architecture]:
            names = {number: name for name, number in ARCHITECTURES.items()}
            raise EtbenchError(
                f"{what}: {path.name} is for {names.get(found, 'another architecture')}, not {architecture}",
                stage=STAGE,
            )


def _machine(library: Path) -> int:
    """Return the number of the architecture of an ELF file; -1 for any other file."""
    with library.open("rb") as file:
        head = file.read(20)
    return int(struct.unpack_from("<H", head, 18)[0]) if head[:4] == b"\x7fELF" and len(head) == 20 else -1


def _downloaded(architecture: str, into: Path) -> Path:
    """Download the wheel with pip, with the settings that the user's pip has."""
    wanted = f"executorch=={executorch_version()}"
    if PathFinder.find_spec("pip") is None:  # not find_spec, in which setuptools changes distutils for pip
        raise EtbenchError(
            "this environment has no pip, which downloads the wheel",
            stage=STAGE,
            hint=f"python -m ensurepip; or unpack the wheel of {wanted} for {architecture} and give "
            "device.libraries=…",
        )
    platforms = [word for one in PLATFORMS for word in ("--platform", f"{one}_{architecture}")]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--python-version", python, *platforms]
    done = subprocess.run(
        [*command, "--dest", str(into), wanted], capture_output=True, text=True, errors="replace", check=False
    )
    wheel = next(into.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = "\n".join(done.stderr.strip().splitlines()[-SHOWN:]) or "it printed no error"
        raise EtbenchError(
            f"pip could not download {wanted} for {architecture}:\n{said}",
            stage=STAGE,
            hint="this needs the network, or a pip.conf that names where the wheel is",
        )
    return wheel


def _unpack(wheel: Path, package: Path) -> None:
    """Unpack the libraries and headers of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            inside = member.filename.removeprefix(INSIDE)
            wanted = inside.startswith("include/") or (inside.startswith("lib/") and inside.endswith(".so"))
            if member.filename.startswith(INSIDE) and wanted and not member.is_dir():
                member.filename = inside
                archive.extract(member, package)


def _described(package: Path) -> str:
    """Return the text that is sealed: a checksum of all files."""
    whole = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(package).as_posix()}\0{sha256(path)}\n".encode())
    return f"libraries {whole.hexdigest()}"
