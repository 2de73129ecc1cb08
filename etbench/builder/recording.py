"""Record which code and data of the user a process reads: in a builder, and while an accuracy is evaluated.

Code is what `sys.modules` has at the end. A process that builds several models imports a module that they
share only once, so each model gets the modules that its own module imports, directly or through others, and
those that were first imported for it. Data are files that were opened for reading, as an audit hook hears it
from Python; `safetensors` does not open its files in Python, and reports them here.

Not recorded are files of the system, of Python, of installed packages and of etbench, and temporary ones;
files that a library in C or another process opens; and the content of a folder that is listed.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from importlib.util import source_from_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from etbench.artifact.sources import CodeFile, DataFile, Sources
from etbench.builder.cache.fingerprint import LIBRARIES, digest
from etbench.builder.imports import imports_of
from etbench.errors import EtbenchError
from etbench.system.modules import absolute, find_module, import_folders, import_path

__all__ = ["OutdatedCodeError", "Reads", "Recorder", "is_of_etbench"]

MOST_FILES = 2_000  # of one program; a list is compared at each use
PACKAGE = re.compile(r"^[\w.-]+")  # the name in a requirement such as "numpy>=2; python_version>'3'"
INSTALLED = ("site-packages", "dist-packages")
SYSTEM = ("/dev", "/etc", "/proc", "/run", "/sys")

Stamp = tuple[int, int] | None  # size and time of the last change; None if there is no such file


class OutdatedCodeError(EtbenchError):
    """Code or data that this process has read was edited since: only a new process can use it."""


@dataclass
class Reads:
    """What was read during a part of the work: new modules, and files with their first state."""

    modules: set[str] = field(default_factory=set)
    files: dict[str, Stamp] = field(default_factory=dict)


class Recorder:
    """Records what a process reads; create it after the import of libraries, before the user's code runs."""

    def __init__(self) -> None:
        self._path = import_path()
        self._stamps: dict[str, Stamp] = {}
        self._recording: Reads | None = None
        _hear(self)

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        """Record what is read in the body, also by its imports."""
        before, reads = set(sys.modules), Reads()
        outer, self._recording = self._recording, reads
        try:
            yield reads
        finally:
            self._recording = outer
            reads.modules = set(sys.modules) - before
            for path, stamp in reads.files.items():
                self._stamps.setdefault(path, stamp)

    def check_still(self) -> None:
        """Check that nothing was edited that this process has read.

        Raises:
            OutdatedCodeError: if something was.

        """
        for path, stamp in self._stamps.items():
            if _stamp(path) != stamp:
                raise OutdatedCodeError(f"{path} was edited after it was read", stage="load")

    def sources(
        self, targets: Collection[str], reads: Sequence[Reads], known: Iterable[Path] = ()
    ) -> Sources | str:
        """Return what the code of the targets has read, or a reason why that is not known.

        Args:
            targets: dotted names of the user's functions.
            reads: what was read while they were called.
            known: files that need not be in the list.

        """
        users = _modules_of_user()
        new = {name for one in reads for name in one.modules if name in users}
        names = _closure(targets, new, users)
        found = {name: users[name] for name in names if find_module(name, self._path) == Path(users[name])}
        files = {path for one in reads for path in one.files} | {users[name] for name in names}
        files -= {absolute(str(path)) for path in known}
        if len(files) > MOST_FILES:
            return f"it reads more than {MOST_FILES:,} files"
        edited = [path for path in files if path in self._stamps and _stamp(path) != self._stamps[path]]
        if edited:
            return f"{min(edited)} was edited meanwhile"
        return Sources(
            code=[_code_file(name, Path(path)) for name, path in sorted(found.items())],
            data=sorted(
                self._data(files - set(found.values()), names), key=lambda file: (file.root, file.path)
            ),
            packages=_versions({*targets, *names, *_imported(names, users)}),
        )

    def hear(self, path: str) -> None:
        """Note that a file is about to be opened for reading."""
        if self._recording is not None:
            path = absolute(path)
            if path.endswith(".pyc"):
                path = source_from_cache(path)
            if path not in self._recording.files and _is_users(path) and not Path(path).is_dir():
                self._recording.files[path] = _stamp(path)

    def _data(self, paths: Iterable[str], names: Iterable[str]) -> Iterator[DataFile]:
        """Describe files that cannot be found by the name of a module."""
        roots = self._roots(names)
        for path in paths:
            root, relative = _relative(path, roots)
            there = digest(Path(path)) if Path(path).is_file() else ""
            yield DataFile(root=root, path=relative, sha256=there)

    def _roots(self, names: Iterable[str]) -> dict[str, str]:
        """Return the folders that paths may be relative to, with their names, the longest first."""
        roots = {str(Path.home()): "~", str(Path.cwd()): "."}
        for top in sorted(_tops(names)):
            roots |= {str(folder): top for folder in import_folders(top, self._path)}
        return dict(sorted(roots.items(), key=lambda root: -len(root[0])))


def is_of_etbench(target: str) -> bool:
    """Return whether etbench itself has this function."""
    return target.partition(".")[0] == "etbench"


_recorders: list[Recorder] = []


def _hear(recorder: Recorder) -> None:
    """Let a recorder hear of each file that is opened; an audit hook cannot be removed again."""
    if not _recorders:
        _report_safetensors()
        sys.addaudithook(_on_event)
    _recorders[:] = [recorder]


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _recorders:
        return
    path, _, flags = args
    if isinstance(path, (str, bytes)) and flags & os.O_ACCMODE == os.O_RDONLY:
        try:
            _recorders[0].hear(os.fsdecode(path))
        except (OSError, ValueError):  # such as a name with a null byte, which cannot be opened either
            return


def _report_safetensors() -> None:
    """Let safetensors report the files that it opens, as Python does."""
    import safetensors

    upstream = safetensors.safe_open

    def safe_open(filename: str | os.PathLike[str], *args: Any, **options: Any) -> Any:
        sys.audit("open", os.fspath(filename), "rb", os.O_RDONLY)
        return upstream(filename, *args, **options)

    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and vars(module).get("safe_open") is upstream:
            module.safe_open = safe_open  # type: ignore[attr-defined]


def _closure(targets: Iterable[str], new: Iterable[str], users: dict[str, str]) -> set[str]:
    """Return the user's modules that the targets may use.

    They are those that their modules import, at any depth, and their packages. If one of them imports by a
    name that is not in its text, these are all.
    """
    pending, found = [*targets, *new], set()
    while pending:
        parts = pending.pop().split(".")
        for name in (".".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
            if name in users and name not in found:
                found.add(name)
                imports = imports_of(users[name], name)
                if imports.others:
                    return set(users)
                pending += imports.names
    return found


def _modules_of_user() -> dict[str, str]:
    """Return the modules of the user in this process, and their files."""
    files = {
        name: vars(module).get("__file__")
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and not name.startswith("__")  # such as __main__
    }
    return {
        name: _existing(path)
        for name, path in files.items()
        if isinstance(path, str) and Path(path).is_absolute() and _is_users(path)
    }


def _existing(path: str) -> str:
    """Return the path of a file, or that of the archive which has it."""
    return next((str(one) for one in (Path(path), *Path(path).parents) if one.is_file()), path)


def _is_users(path: str) -> bool:
    return not path.startswith(_others_folders()) and not any(name in path for name in INSTALLED)


@cache
def _others_folders() -> tuple[str, ...]:
    """Return folders whose files are not the user's: of the system, Python, etbench, and temporary ones."""
    python = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    own = [str(file.parents[1]) for file in (Path(__file__), Path(__file__).resolve())]
    archive = Path(python[0]).with_name(f"python{sys.version_info.major}{sys.version_info.minor}.zip")
    folders = (*SYSTEM, *python, *own, tempfile.gettempdir())
    return (str(archive), *(f"{folder}{os.sep}" for folder in folders))


def _stamp(path: str) -> Stamp:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _tops(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def _code_file(name: str, path: Path) -> CodeFile:
    """Describe a module; its path begins at the folder that its top-level module was imported from."""
    parts = name.count(".") + (2 if path.stem == "__init__" else 1)
    return CodeFile(module=name, path=Path(*path.parts[-parts:]).as_posix(), sha256=digest(path))


def _relative(path: str, roots: dict[str, str]) -> tuple[str, str]:
    """Return the root that a path is relative to, and its path from there."""
    for folder, name in roots.items():
        if path.startswith(f"{folder}{os.sep}"):
            return name, Path(path).relative_to(folder).as_posix()
    return "/", path


def _is_installed(top: str) -> bool:
    module = sys.modules.get(top)
    places = [vars(module).get("__file__") or "", *(vars(module).get("__path__") or ())] if module else []
    return any(name in place for place in places for name in INSTALLED)


def _imported(names: Iterable[str], users: dict[str, str]) -> set[str]:
    """Return what these modules of the user import, as their texts name it."""
    return {imported for name in names for imported in imports_of(users[name], name).names}


def _versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the installed packages of modules, and of those that they require.

    The libraries whose versions are in the key are left out.
    """
    pending = [package for top in _tops(names) if _is_installed(top) for package in _distributions(top)]
    found: dict[str, str] = {}
    while pending:
        package = pending.pop().lower()
        if package not in found and package not in (*LIBRARIES, "etbench"):
            with suppress(PackageNotFoundError):
                found[package] = version(package)
                required = [text for text in requires(package) or () if "extra ==" not in text]
                pending += [PACKAGE.findall(text)[0] for text in required]
    return dict(sorted(found.items()))


def _distributions(top: str) -> list[str]:
    """Return the packages that a top-level module was installed by; mostly one of the same name."""
    try:
        version(top)
    except PackageNotFoundError:
        return list(_distributions_by_module().get(top, ()))
    return [top]


@cache
def _distributions_by_module() -> dict[str, list[str]]:
    return dict(packages_distributions())
