"""Checks of the files and folders that a cell names; each returns an error message, or None."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from etbench.config.sections import IMAGE_SUFFIXES, UNDECLARED
from etbench.config.target import name_fault
from etbench.errors import nearest
from etbench.system.reading import open_regular, read_file
from etbench.system.reading import path_fault as file_fault
from etbench.text import path_text

__all__ = [
    "folder_fault",
    "labelled_fault",
    "links_fault",
    "npz_fault",
    "path_fault",
    "resume_fault",
    "text_fault",
    "weights_fault",
]


def path_fault(key: str, path: str | None) -> str | None:
    """Check for a regular file or a folder."""
    fault = None if path is None else file_fault(path)
    return f"{key}={fault}" if fault else None


def folder_fault(key: str, folder: str | None) -> str | None:
    """Check for a folder with an image in it."""
    if folder is None:
        return None
    if not Path(folder).is_dir():
        return f"{key}={folder}: no such folder"
    if not any(path.suffix.lower() in IMAGE_SUFFIXES for path in Path(folder).rglob("*")):
        return f"{key}={folder}: contains no image ({', '.join(sorted(IMAGE_SUFFIXES))})"
    return None


def text_fault(key: str, file: str | None) -> str | None:
    """Check for a file with text in it."""
    if file is None:
        return None
    if fault := file_fault(file, folders=False):
        return f"{key}={fault}"
    try:
        text = read_file(file).decode("utf-8", errors="replace")
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
    return None if text.strip() else f"{key}={file}: the file contains no text"


def npz_fault(key: str, file: str | None) -> str | None:
    """Check for a file of arrays with equal numbers of batches; the arrays themselves are not read."""
    if file is None:
        return None
    if fault := file_fault(file, folders=False):
        return f"{key}={fault}"
    try:
        shapes = _array_shapes(Path(file))
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
    except (zipfile.BadZipFile, ValueError) as error:
        return f"{key}={file}: not a file of arrays from numpy.savez ({error})"
    if not shapes:
        return f"{key}={file}: contains no array"
    if empty := [name for name, shape in shapes.items() if not shape or not shape[0]]:
        return f"{key}={file}: no batch in {', '.join(empty)}; the first axis counts the batches"
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        return f"{key}={file}: the arrays have different numbers of batches: {listed}"
    return None


def _array_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of an ``.npz`` file, from their headers.

    Raises:
        ValueError: for an entry that is not an array of numbers.

    """
    from numpy.lib import format as npy

    shapes = {}
    with open_regular(file) as opened, zipfile.ZipFile(opened) as package:
        for name in package.namelist():
            with package.open(name) as entry:
                older = npy.read_magic(entry) == (1, 0)
                shape, _, dtype = (npy.read_array_header_1_0 if older else npy.read_array_header_2_0)(entry)
            if dtype.kind not in "biuf":
                raise ValueError(f"{name} has dtype {dtype}")
            shapes[name.removesuffix(".npy")] = shape
    return shapes


def resume_fault(folder: str | None) -> str | None:
    """Check for the folder of a sweep, which may be a received one."""
    if folder is None:
        return None
    return path_fault("sweep.resume", folder) or links_fault("sweep.resume", Path(folder))


def links_fault(key: str, folder: Path) -> str | None:
    """Check a folder for links where Hydra will write: it would write through them."""
    written = [folder / name for name in ("multirun.yaml", "cells", ".hydra")]
    written += [*folder.glob("cells/**/*"), *folder.glob(".hydra/*")]
    if link := next((path for path in written if path.is_symlink()), None):
        return f"{key}={folder}: {path_text(link)} is a link, but is written to; remove it"
    return None


def weights_fault(weights: str) -> str | None:
    """Check for a checkpoint, unless the value is one of the words for weights."""
    words = ("random", "pretrained", UNDECLARED)
    if weights in words or (fault := file_fault(weights)) is None:
        return None
    if not fault.endswith("no such file or folder"):
        return f"model.weights={fault}"
    return (
        f"model.weights={weights}: expected 'random', 'pretrained' or an existing path"
        f"{nearest(weights, words[:2])}"
    )


def labelled_fault(key: str, data: str | None) -> str | None:
    """Check for a file or folder, or the function that a dotted name may be."""
    if data is None or Path(data).exists():
        return path_fault(key, data)
    is_name = re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", data) and not data.endswith(".npz")
    if not is_name:
        return path_fault(key, data)
    fault = name_fault(data)
    return f"{key}={data}: no such file or folder, and as a function: {fault}" if fault else None
