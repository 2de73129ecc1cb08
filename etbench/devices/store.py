"""The folder of another machine for the files it was sent; runs there before the rest of etbench.

This source is sent itself, with those of the modules that it imports: ``python -c … look|take ROOT …``. So
they use only the standard library. Each entry is a folder named by the checksum of its files, so that it is
sent once and a damaged entry is detected.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import select
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Collection
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.host.measuring_lock import measuring_lock

WAITING, READY = "waiting", "ready"  # lines on standard output, before the answer
SILENCE_S = 60.0  # of a sender; a dead connection must not keep the lock for measuring


def digest(files: dict[str, Path]) -> str:
    """Return the name of an entry with these files, which are given by their paths inside it."""
    whole = hashlib.sha256()
    for name in sorted(files):
        with files[name].open("rb") as file:
            whole.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:32]


def digest_of_folder(folder: Path) -> str:
    """Return the entry name for the files in a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest({path.relative_to(folder).as_posix(): path for path in found})


def look(root: Path, needed: Collection[str], names: Collection[str]) -> dict[str, object]:
    """Return the path of the folder, its missing entries, and the missing packages of this interpreter.

    Args:
        root: the folder.
        needed: packages.
        names: of entries.

    """
    root.mkdir(parents=True, exist_ok=True)
    missing = []
    for name in names:
        entry = root / name
        if entry.is_dir() and digest_of_folder(entry) == name:
            os.utime(entry)
        else:
            shutil.rmtree(entry, ignore_errors=True)
            missing.append(name)
    return {
        "root": str(root),
        "missing": missing,
        "lacking": [package for package in needed if find_spec(package) is None],
        "platform": sys.platform,
    }


def take(root: Path, limit_bytes: int, wanted: Collection[str]) -> None:
    """Add entries from a tar on standard input, after removing those that were not used for longest.

    Args:
        root: the folder.
        limit_bytes: entries are removed until it is not larger than this.
        wanted: entries that are never removed.

    """
    sizes = {
        entry: sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
        for entry in root.glob("*")
        if entry.is_dir()
    }
    for entry in sorted(sizes, key=lambda entry: entry.stat().st_mtime):
        if sum(sizes.values()) > limit_bytes and entry.name not in wanted:
            shutil.rmtree(entry, ignore_errors=True)
            del sizes[entry]
    with tempfile.TemporaryDirectory(dir=root, prefix=".coming-") as coming:
        with tarfile.open(fileobj=_Sender(), mode="r|") as archive:
            # Before Python 3.11.4 there is none; the sender of an archive may run any program here anyway.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(coming)
        for entry in Path(coming).iterdir():
            if digest_of_folder(entry) != entry.name:
                sys.exit(f"{entry.name} did not arrive intact")
            if not (root / entry.name).exists():
                entry.rename(root / entry.name)


class _Sender(io.BufferedIOBase):
    """Standard input, with a limit for how long nothing may come."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size
        if not select.select([sys.stdin], [], [], SILENCE_S)[0]:
            sys.exit(f"nothing was sent for {SILENCE_S:g} s")
        return os.read(sys.stdin.fileno(), size)


def main(what: str, folder: str, *rest: str) -> None:
    """Run a command; if it has entries, wait until no etbench measures here, which it would disturb."""
    root = Path(folder).expanduser().resolve()
    try:
        with measuring_lock(lambda: _say(WAITING)) if rest[1:] else nullcontext():
            _say(READY)
            if what == "look":
                _say(json.dumps(look(root, rest[0].split(","), rest[1:])))
            else:
                take(root, int(rest[0]), rest[1:])
    except EtbenchError as error:
        sys.exit(f"{error.message}; {error.hint}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
