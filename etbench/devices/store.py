"""The folder of another machine that keeps what it was sent; runs there before anything of etbench does.

Standard library only, since this text itself is what is sent: ``python -c <this file> look|take ROOT …``.
Each entry is a folder named by the digest of its files, so a thing is sent once, and one that has rotted is
told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("torch", "executorch", "msgspec", "psutil", "safetensors")  # executorch does not bring torch


def digest(files: dict[str, Path]) -> str:
    """Return the name of an entry with these files, by their paths inside of it."""
    whole = hashlib.sha256()
    for name in sorted(files):
        with files[name].open("rb") as file:
            whole.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:32]


def digest_of_folder(folder: Path) -> str:
    """Return the name that the files in a folder make."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest({path.relative_to(folder).as_posix(): path for path in found})


def look(root: Path, names: list[str]) -> dict[str, object]:
    """Tell where the folder is, which entries it lacks, and which packages this interpreter does."""
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
        "lacking": [package for package in NEEDED if find_spec(package) is None],
        "platform": sys.platform,
    }


def take(root: Path, limit_bytes: int) -> None:
    """Take in entries from a tar on standard input, after those used longest ago have made room."""
    used = sorted(filter(Path.is_dir, root.glob("*")), key=lambda entry: entry.stat().st_mtime)
    sizes = {entry: sum(path.stat().st_size for path in entry.rglob("*") if path.is_file()) for entry in used}
    while used and sum(sizes[entry] for entry in used) > limit_bytes:
        shutil.rmtree(used.pop(0), ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".coming-") as coming:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            # Before Python 3.11.4 there is none; who sends an archive may run all he likes here anyway.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(coming)
        for entry in Path(coming).iterdir():
            if digest_of_folder(entry) != entry.name:
                sys.exit(f"{entry.name} did not arrive whole")
            if not (root / entry.name).exists():
                entry.rename(root / entry.name)


def main(what: str, folder: str, *rest: str) -> None:
    """Do what the command line asks for."""
    root = Path(folder).expanduser().resolve()
    if what == "look":
        sys.stdout.write(json.dumps(look(root, list(rest))) + "\n")
    else:
        take(root, int(rest[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
