"""Virtual environments in the cache folder: made once from a package index, complete or absent.

environments/executorch-1.4.1/      the environment
request.json                    what it is made of, written first, so that an interrupted one continues
environment.json                what it has become, written last
environments/executorch-1.4.1.lock
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.environments.installed import BUILDING, Interpreter, look
from etbench.environments.installer import install_command, make_command
from etbench.environments.names import COMPLETE, NAME, environments_folder, managed_names, python_in
from etbench.errors import EtbenchError, nearest
from etbench.system.files import replace_file
from etbench.system.locks import locked

__all__ = ["Environment", "create", "environments", "remove"]

REQUEST = "request.json"
OFFLINE = (
    "an environment is made from a package index, once: without a network, let pip find wheels in a folder "
    "(PIP_FIND_LINKS=FOLDER), or make the environment yourself and give its path (env.python=PATH)"
)


class Environment(Struct, frozen=True, kw_only=True):
    """A managed environment; `used_s` is when it was last chosen, as seconds since 1970."""

    name: str
    requirements: list[str]
    python: str
    libraries: dict[str, str]
    bytes: int
    created_at: str
    used_s: float = 0.0


def environments() -> list[Environment]:
    """Return the complete environments, the most recently used first."""
    found = []
    for name in managed_names():
        file = environments_folder() / name / COMPLETE
        with suppress(OSError, msgspec.DecodeError):
            described = msgspec.json.decode(file.read_bytes(), type=Environment)
            found.append(msgspec.structs.replace(described, name=name, used_s=file.stat().st_mtime))
    return sorted(found, key=lambda one: -one.used_s)


def create(name: str, requirements: Sequence[str], *, tell: Callable[[str], None]) -> Environment:
    """Make an environment, or complete one that was interrupted; one that is complete is returned.

    Args:
        name: of its folder.
        requirements: what to install in it.
        tell: receives a line at each step; what the installer prints goes to standard error.

    Raises:
        EtbenchError: of stage ``env`` if the name is taken by an environment of other requirements, or with
            what failed.

    """
    if not NAME.fullmatch(name):
        raise EtbenchError(
            f"{name!r} cannot be the name of an environment: letters, digits, . _ + -", stage="env"
        )
    folder = environments_folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(
        folder.with_name(f"{name}.lock"), lambda: tell("another etbench is making it: waiting for it")
    ):
        if (there := next((one for one in environments() if one.name == name), None)) is not None:
            if there.requirements != list(requirements):
                raise EtbenchError(
                    f"there is an environment {name} of other packages ({' '.join(there.requirements)}); "
                    f"remove it with `etbench env remove {name}`, or choose another name with --name",
                    stage="env",
                )
            return there
        return _made(folder, list(requirements), tell)


def _made(folder: Path, requirements: list[str], tell: Callable[[str], None]) -> Environment:
    request = msgspec.json.encode(requirements)
    if folder.exists() and not _continues(folder, request):
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    replace_file(folder / REQUEST, request)
    tell(f"making {folder}")
    _run(make_command(folder))
    python = python_in(folder)
    tell(f"installing {' '.join(requirements)}")
    _run(install_command(python, requirements))
    found = _checked(python)
    described = Environment(
        name=folder.name,
        requirements=requirements,
        python=found.version,
        libraries=dict(sorted(found.versions.items())),
        bytes=_size(folder),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    replace_file(folder / COMPLETE, msgspec.json.format(msgspec.json.encode(described)))
    return described


def _continues(folder: Path, request: bytes) -> bool:
    try:
        return (folder / REQUEST).read_bytes() == request
    except OSError:
        return False


def _run(command: list[str]) -> None:
    """Run a step of the installation, which reports on standard error."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise EtbenchError(
            f"`{' '.join(command)}` failed with exit status {done.returncode}; {OFFLINE}", stage="env"
        )


def _checked(python: str) -> Interpreter:
    """Check that etbench can use what was installed: packages, and that the runtime starts."""
    found = look(python)
    if fault := found.fault(BUILDING):
        raise EtbenchError(fault, stage="env")
    name = found.own_binding.name.partition(".")[0]
    program = f"import torch, executorch.extension.pybindings.{name}"
    done = subprocess.run([python, "-E", "-c", program], capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EtbenchError(
            f"executorch {found.version_of('executorch')} does not start with torch "
            f"{found.version_of('torch')}: {last}; name another torch, such as torch==2.12.*",
            stage="env",
        )
    return found


def remove(names: Sequence[str] = (), *, unused_for_s: float | None = None) -> list[str]:
    """Remove environments and return their names; parts of interrupted ones are removed too.

    Args:
        names: of those to remove.
        unused_for_s: also those that were not chosen for so many seconds.

    Raises:
        EtbenchError: of stage ``env`` if there is none of a name; nothing is removed then.

    """
    known = sorted(path.name for path in environments_folder().glob("*/") if not path.is_symlink())
    if missing := [name for name in names if name not in known]:
        there = f"; there are: {', '.join(known)}" if known else "; there are none"
        raise EtbenchError(
            f"{missing[0]}: no such environment{nearest(missing[0], known)}{there}", stage="env"
        )
    old = []
    if unused_for_s is not None:
        old = [one.name for one in environments() if time.time() - one.used_s > unused_for_s]
    removed = list(dict.fromkeys([*names, *old]))
    for name in removed:
        folder = environments_folder() / name
        with locked(folder.with_name(f"{name}.lock"), lambda: None):
            with suppress(FileNotFoundError):
                (folder / COMPLETE).unlink()  # first: from now on it is incomplete
            shutil.rmtree(folder)
        folder.with_name(f"{name}.lock").unlink(missing_ok=True)
    return removed


def _size(folder: Path) -> int:
    """Return the size of the files in a folder; links are not followed."""
    total = 0
    for place, _, files in os.walk(folder):
        total += sum((Path(place) / file).lstat().st_size for file in files)
    return total
