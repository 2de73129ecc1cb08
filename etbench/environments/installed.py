"""What is installed for another interpreter, found out without importing it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from etbench.errors import EtbenchError

__all__ = [
    "BINDINGS",
    "BUILDING",
    "MEASURING",
    "OLDEST",
    "RUNNING",
    "Interpreter",
    "check_one_executorch",
    "look",
]

STAGE = "env"
OLDEST = (3, 11)
TIMEOUT_S = 60.0

# What must be installed to run programs, and to build them: the name of a package and of its module.
MEASURING = ("msgspec", "numpy", "psutil", "safetensors")  # what every measuring process imports
RUNNING = {name: name for name in ("torch", "executorch", *MEASURING)}
BUILDING = RUNNING | {"torchao": "torchao", "scikit-learn": "sklearn", "pillow": "PIL", "scipy": "scipy"}

# The Python binding of ExecuTorch's runtime: its modules in `executorch.extension.pybindings`, newest first.
BINDINGS = ("_C", "_portable_lib")  # from 1.5.0, and up to 1.4
SUFFIXES = (".so", ".pyd")

# With -E and without the folder of `-c`, this is what the interpreter finds by itself.
PROBE = """
import json, platform, sys
path = [folder for folder in sys.path if folder]
print(json.dumps([platform.python_version(), sys.prefix, path]))
"""


class Interpreter(Struct, frozen=True, kw_only=True, dict=True):
    """An interpreter of this host.

    `python` is its program, `version` that of Python, `prefix` the folder of its environment, and `path` what
    it imports from by itself, without PYTHONPATH.
    """

    python: str
    version: str
    prefix: str
    path: list[str]

    @cached_property
    def versions(self) -> dict[str, str]:
        """The version of each installed package, by its normalized name."""
        found: dict[str, str] = {}
        for one in distributions(path=self.path):
            if name := one.metadata["Name"]:  # not of what a removal has left behind
                found.setdefault(normalized(name), one.version)  # the first is the one that is imported
        return found

    def version_of(self, package: str) -> str | None:
        """Return the version of an installed package."""
        return self.versions.get(normalized(package))

    def has(self, module: str) -> bool:
        """Return whether a top-level module can be imported."""
        return PathFinder.find_spec(module, self.path) is not None

    def lacking(self, needed: Mapping[str, str]) -> list[str]:
        """Return the packages that are not installed, of those given by name with their modules."""
        return [package for package, module in needed.items() if not self.has(module)]

    @property
    def executorch(self) -> list[Path]:
        """The folders of the package executorch, which has no `__init__.py`: several would be one mixture."""
        return _folders(PathFinder.find_spec("executorch", self.path))

    @property
    def binding(self) -> Path | None:
        """The file of the Python binding of ExecuTorch's runtime; None if it has none."""
        files = (
            file
            for folder in self.executorch
            for name in BINDINGS
            for file in sorted((folder / "extension" / "pybindings").glob(f"{name}.*"))
            if file.suffix in SUFFIXES
        )
        return next(files, None)

    @property
    def own_binding(self) -> Path:
        """The file of its binding.

        Raises:
            EtbenchError: of stage ``env`` if it has none.

        """
        if self.binding is None:
            raise EtbenchError(f"{self.python}: it has no binding of ExecuTorch's runtime", stage=STAGE)
        return self.binding

    def fault(self, needed: Mapping[str, str]) -> str | None:
        """Return why etbench cannot use it, with what to do; None if it can.

        Args:
            needed: the packages it must have, `BUILDING` or `RUNNING`.

        """
        major, minor = map(int, self.version.split(".")[:2])
        if (major, minor) < OLDEST:
            return (
                f"{self.python} is Python {self.version}; etbench needs {'.'.join(map(str, OLDEST))} or newer"
            )
        if lacking := self.lacking(needed):
            install = f"{self.python} -m pip install {' '.join(lacking)}"
            return f"{self.python} lacks {', '.join(lacking)}; run: {install}"
        if len(folders := self.executorch) > 1:
            return f"{self.python} finds executorch in several folders: {', '.join(map(str, folders))}"
        if self.binding is None:
            return (
                f"{self.python}: the executorch in {self.executorch[0]} has no Python binding; "
                f"run: {self.python} -m pip install --force-reinstall --no-deps "
                f"executorch=={self.version_of('executorch') or '…'}"
            )
        return None


def check_one_executorch() -> None:
    """Check that this interpreter, with its PYTHONPATH and working folder, finds one package executorch.

    Raises:
        EtbenchError: of stage ``import`` if it finds several, whose modules would be mixed.

    """
    if len(folders := _folders(find_spec("executorch"))) > 1:
        raise EtbenchError(
            f"{sys.executable} finds executorch in several folders: {', '.join(map(str, folders))}",
            stage="import",
            hint="remove all but one of them from PYTHONPATH and from the working folder",
        )


def _folders(found: ModuleSpec | None) -> list[Path]:
    """Return the different folders that a namespace package is in."""
    folders = (found.submodule_search_locations or []) if found else []
    return list(dict.fromkeys(Path(folder).resolve() for folder in folders))


def normalized(package: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()


def look(python: str | Path) -> Interpreter:
    """Return what is installed for an interpreter; it is started once in this process.

    Raises:
        EtbenchError: of stage ``env`` if it does not run.

    """
    return _look(str(python))


@cache
def _look(python: str) -> Interpreter:
    try:
        done = subprocess.run(
            [python, "-E", "-c", PROBE], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError) as error:
        raise EtbenchError(
            f"{python} is not a Python interpreter that runs here: {_why(error)}", stage=STAGE
        ) from error
    version, prefix, path = told
    return Interpreter(python=python, version=version, prefix=prefix, path=path)


def _why(error: Exception) -> str:
    match error:
        case OSError(strerror=str(text)):
            return text
        case subprocess.TimeoutExpired():
            return f"no answer within {TIMEOUT_S:g} s"
    return "it does not answer"
