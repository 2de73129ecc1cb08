"""What the subcommands share: folders of results, where they write, and how they report what was left out."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etbench.errors import EtbenchError
from etbench.escaping import terminal_text
from etbench.exit_status import BAD_USAGE, FAILED, OK, UNDECIDED
from etbench.system.files import folder_fault
from etbench.system.os_errors import REMEDIES
from etbench.text import path_text

if TYPE_CHECKING:
    from etbench.results.files.store import UnreadableError
    from etbench.results.schema import Result

__all__ = [
    "BAD_USAGE",
    "FAILED",
    "OK",
    "UNDECIDED",
    "add_cache_folder",
    "add_folders",
    "cache_of",
    "check_results",
    "file_stem",
    "json_text",
    "out_folder",
    "print_faults",
    "print_left_out",
    "print_paths",
    "read_all",
    "read_and_left_out",
    "read_files",
    "say_on_stderr",
]


def add_cache_folder(parser: argparse.ArgumentParser, commands: Iterable[argparse.ArgumentParser]) -> None:
    """Add the argument --dir of commands about what the cache folder holds, before and after their names."""
    parser.set_defaults(dir=None)
    for each in (parser, *commands):
        each.add_argument(
            "--dir",
            default=argparse.SUPPRESS,  # else the one after the name would undo the one before it
            help="the cache folder (default: $ETBENCH_CACHE, or etbench/ in your cache folder)",
        )


def cache_of(args: argparse.Namespace) -> Path:
    """Return the cache folder of these arguments; one that does not exist yet is an empty cache.

    Raises:
        EtbenchError: if it is not a folder.

    """
    from etbench.builder.cache import cache_folder

    folder = cache_folder(args.dir)
    if why := folder_fault(folder):
        raise EtbenchError(f"{folder}: {why}; name the cache folder with --dir", stage="cache")
    return folder


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add the arguments DIR… and --out."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument("-o", "--out", type=Path, help="folder for what is written (default: the first DIR)")


def out_folder(args: argparse.Namespace) -> Path:
    """Return the folder for what is written."""
    first: Path = args.paths[0]
    folder: Path = args.out or (first if first.is_dir() else first.parent)
    return folder


def check_results(paths: Sequence[Path]) -> None:
    """Print to stderr each path that has no result; for commands that read results from an index.

    Raises:
        EtbenchError: if no path has one.

    """
    from etbench.results.files.store import UnreadableError, read_result

    def fault(file: Path) -> str | None:
        try:
            read_result(file)
        except UnreadableError as error:
            return error.message
        return None

    _check_each(paths, fault)


def _check_each(paths: Sequence[Path], fault: Callable[[Path], str | None]) -> None:
    """Print each path that has no result; `fault` is what is wrong with a file, None for a result.

    Raises:
        EtbenchError: if no path has one.

    """
    empty = [words for path in paths if (words := _why_empty(path, fault))]
    if len(empty) == len(paths):
        raise EtbenchError("\n".join(empty), stage="read")
    for words in empty:
        say_on_stderr(words)


def _why_empty(path: Path, fault: Callable[[Path], str | None]) -> str:
    """Return why there is no result in a file or folder, or nothing if there is one."""
    from etbench.results.files.store import find_files

    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        return f"{path}: this folder cannot be read; {REMEDIES[errno.EACCES]}"
    first = ""
    files = find_files([path])
    for file in files:
        why = fault(file)
        if why is None:
            return ""
        first = first or why
    looked = f"no result in {path_text(path)}"
    if not files:
        return f"{looked}: there is no .json file in it or in its subfolders"
    of_all = (
        f"none of its {len(files)} .json files is a result; the first of them: " if len(files) > 1 else ""
    )
    return f"{looked}: {of_all}{first}"


def read_all(paths: Sequence[Path]) -> list[Result]:
    """Read all results; see `read_files`."""
    return [result for _, result in read_files(paths)]


def read_files(paths: Sequence[Path]) -> list[tuple[Path, Result]]:
    """Read all results with their files; see `read_and_left_out`."""
    return read_and_left_out(paths)[0]


def read_and_left_out(paths: Sequence[Path]) -> tuple[list[tuple[Path, Result]], list[UnreadableError]]:
    """Read all results with their files, and print to stderr what was left out.

    Returns:
        The results, and the errors of the other files.

    Raises:
        EtbenchError: if there are no results.

    """
    from etbench.results.files.store import read_results

    found, unreadable = read_results(paths)
    faults = {error.path: error.message for error in unreadable}
    _check_each(paths, faults.get)
    print_left_out(unreadable)
    return found, unreadable


def file_stem(result: Result) -> str:
    """Return a name for the file of a result, whatever its model is called."""
    name = "_".join((result.model_name, result.precision_short, result.delegate))
    return "".join(char if char.isalnum() or char in "-_." else "_" for char in name)


def json_text(value: Any) -> str:
    """Return a value as JSON for a reader: indented, without a line break at the end."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def say_on_stderr(text: str) -> None:
    """Print a line about the progress, or about what is left out."""
    print(terminal_text(text), file=sys.stderr)


def print_left_out(errors: Iterable[UnreadableError]) -> None:
    """Print to stderr each file that was left out, and why."""
    for error in errors:
        say_on_stderr(f"left out {error.message}")


def print_faults(errors: Sequence[EtbenchError]) -> int:
    """Print to stderr what could not be written, and return the exit status: 1 if there is anything."""
    for error in errors:
        say_on_stderr(error.message)
    return FAILED if errors else OK


def print_paths(paths: Iterable[Path]) -> int:
    """Print one path per line."""
    for path in paths:
        print(path_text(path))
    return OK
