"""The folder of the artifact cache: where it is, how it is recognized, and which names in it are etbench's.

    etbench/                      the folder, which the marker shows to be a cache
        .etbench-cache            the marker
        v2/4f/4f0c….9a31…/        an entry; see `etbench.builder.cache.manifest`
        work/                     unfinished entries, and those that are being removed
        locks/ native/ baselines/ report/ environments/ build_times.json

Only these names are ever read or removed, and links are not followed: something else that lies in the folder,
or that a link in it leads to, stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from etbench.builder.cache.entry import FORMAT

__all__ = ["VERSIONS", "cache_fault", "entry_folders", "groups", "mark", "native_folder"]

MARKER = ".etbench-cache"
TEXT = b"This folder is an artifact cache of etbench, which removes old programs from it.\n"
VERSIONS = tuple(f"v{number}" for number in range(1, FORMAT + 1))
FOLDERS = (*VERSIONS, "work", "locks", "native", "baselines", "report", "environments")
FILES = re.compile(
    r"\.?build_times\.json(\.[0-9a-f]{32}\.tmp)?|build_times\.lock|lost\+found|\.DS_Store|\.nfs\w+"
)
GROUP = re.compile("[0-9a-f]{2}")
ENTRY = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{32})?")


def native_folder(cache: Path) -> Path:
    """Return the folder of compiled native runners, named after what they were compiled from."""
    return cache / "native"


def cache_fault(folder: Path) -> str | None:
    """Return why etbench must not use a folder as its cache, or None.

    A folder without a marker is a cache if it does not exist, is empty, or contains only what older versions
    of etbench have put into their caches.
    """
    try:
        with os.scandir(folder) as listed:
            there = {one.name: one for one in listed}
    except (FileNotFoundError, PermissionError):  # nothing is removed there; a run works without a cache
        return None
    except OSError as error:
        return f"{folder}: cannot be used as the cache: {error.strerror}"
    for name in FOLDERS:
        if name in there and there[name].is_symlink():
            return (
                f"{folder}: {name} in it is a link, and links inside of the cache are not followed; "
                f"set cache.dir to the folder that it leads to, or remove the link"
            )
    if MARKER in there and there[MARKER].is_file(follow_symlinks=False):
        return None
    strange = next((name for name in sorted(there) if not _is_own(there[name])), None)
    if strange is None:
        return None
    return (
        f"{folder}: is not an artifact cache of etbench, since it contains {strange!r}; set cache.dir (or "
        f"ETBENCH_CACHE, or --dir) to a new folder, or create the empty file {folder / MARKER} if it is one"
    )


def mark(folder: Path) -> None:
    """Create a cache, or its marker if it has none; `cache_fault` must have found nothing.

    Raises:
        OSError: if nothing can be written there.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), (folder / MARKER).open("xb") as file:
        file.write(TEXT)


def entry_folders(cache: Path, version: str, key: str = "") -> Iterator[Path]:
    """Yield what has the name of an entry of a version; it may be damaged, or not a folder.

    Args:
        cache: the folder.
        version: the name of the version's folder.
        key: yield only entries of this key.

    """
    for group in groups(cache, version, key[:2]):
        with suppress(OSError):
            yield from (
                group / name
                for name in sorted(one.name for one in group.iterdir())
                if _is_entry(group.name, name) and name.startswith(key)
            )


def groups(cache: Path, version: str, name: str = "") -> Iterator[Path]:
    """Yield the folders that have the entries of a version; neither they nor that of the version are links.

    Args:
        cache: the folder.
        version: the name of the version's folder.
        name: yield only the folder of this name.

    """
    folder = cache / version
    if folder.is_symlink():
        return
    with suppress(OSError), os.scandir(folder) as listed:
        found = sorted(one.name for one in listed if one.is_dir(follow_symlinks=False))
        yield from (folder / one for one in found if GROUP.fullmatch(one) and one.startswith(name))


def _is_entry(group: str, name: str) -> bool:
    return name.startswith(group) and ENTRY.fullmatch(name) is not None


def _is_own(item: os.DirEntry[str]) -> bool:
    """Return whether an item has the form of what etbench keeps in a cache."""
    if item.name not in VERSIONS:
        return item.name in FOLDERS or item.name == MARKER or FILES.fullmatch(item.name) is not None
    try:
        return all(map(_is_group, Path(item.path).iterdir()))
    except OSError:  # it is not a folder, or cannot be read
        return False


def _is_group(folder: Path) -> bool:
    entries = GROUP.fullmatch(folder.name) and not folder.is_symlink()
    return bool(entries) and all(_is_entry(folder.name, path.name) for path in folder.iterdir())
