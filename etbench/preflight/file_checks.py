"""Checks of the files and folders that a cell names; each returns an error message, or None."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import psutil

from etbench.config.model_data import SAVED_WEIGHTS, has_saved_weights
from etbench.config.sections import IMAGE_SUFFIXES, UNDECLARED
from etbench.config.target import name_fault
from etbench.errors import nearest
from etbench.system.reading import open_regular, read_file
from etbench.system.reading import path_fault as file_fault
from etbench.text import and_more, path_text

__all__ = [
    "checkpoint_fault",
    "exported_fault",
    "folder_fault",
    "labelled_fault",
    "links_fault",
    "miou_fault",
    "npz_fault",
    "path_fault",
    "resume_fault",
    "text_fault",
    "top1_fault",
    "weights_fault",
]

LABELS = "labels"
CLASSES = "give a folder that has a folder of pictures for each class"
ZIP, PTE = (
    b"PK",
    b"ET",
)  # the first bytes of a file of torch.save or torch.export.save; those of a `.pte`, at 4
ARRAYS = f"give an .npz with `{LABELS}` and one other array, the inputs as the model takes them"


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
    if not _has_picture(Path(folder)):
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
    shapes = _shapes_or_fault(key, file)
    if isinstance(shapes, str):
        return shapes
    if not shapes:
        return f"{key}={file}: contains no array"
    if empty := [name for name, shape in shapes.items() if not shape or not shape[0]]:
        return f"{key}={file}: no batch in {', '.join(empty)}; the first axis counts the batches"
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        return f"{key}={file}: the arrays have different numbers of batches: {listed}"
    return None


def top1_fault(key: str, data: str, kind: str | None) -> str | None:
    """Check the labelled data of `etbench.evaluate.top1`, as far as this is possible without the program.

    Args:
        key: of the option.
        data: an existing folder or file, or a function, which is not called.
        kind: what the model is fed with; None if it is not known before it is loaded.

    """
    if Path(data).is_dir():
        return _classes_fault(key, Path(data), kind)
    return _labels_fault(key, data) if Path(data).exists() else None


def miou_fault(key: str, data: str, kind: str | None) -> str | None:
    """Check the labelled data of `etbench.evaluate.miou`; see `top1_fault`."""
    folder = Path(data)
    if not folder.is_dir():
        return None
    if kind not in (None, "images"):
        return f"{key}={data}: the model is not fed with pictures; give an .npz with `labels` and the inputs"
    if lacking := [name for name in ("images", "masks") if not (folder / name).is_dir()]:
        return (
            f"{key}={data}: contains no folder {lacking[0]}; give a folder with the folders images and masks"
        )
    return None


def _classes_fault(key: str, folder: Path, kind: str | None) -> str | None:
    """Check a folder that has a folder of pictures for each class."""
    if kind not in (None, "images"):
        return f"{key}={folder}: the model is not fed with pictures; {ARRAYS}"
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        return f"{key}={folder}: cannot be read: {error.strerror}"
    if not inside:
        return f"{key}={folder}: contains no folder; {CLASSES}"
    if not any(_has_picture(path) for path in inside):
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        return f"{key}={folder}: its folders contain no picture ({suffixes}); {CLASSES}"
    return None


def _labels_fault(key: str, file: str) -> str | None:
    """Check a file of inputs and labels."""
    shapes = _shapes_or_fault(key, file)
    if isinstance(shapes, str):
        return f"{shapes}; {ARRAYS}"
    inputs = [name for name in shapes if name != LABELS]
    if LABELS not in shapes or len(inputs) != 1:
        return f"{key}={file}: contains {and_more(shapes) or 'no array'}; {ARRAYS}"
    shape, labels = shapes[inputs[0]], shapes[LABELS]
    if len(labels) != 1 or not labels[0]:
        return f"{key}={file}: `labels` have the shape {labels}; expected (items,), and at least one item"
    # The inputs may have the batch axis of the model: (batches, batch, …).
    if labels[0] not in (shape[0] if shape else 0, shape[0] * shape[1] if len(shape) > 1 else 0):
        return (
            f"{key}={file}: {labels[0]} labels, but {inputs[0]!r} has the shape {shape}; "
            "give a label for each input"
        )
    return None


def _has_picture(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.rglob("*"))


def _shapes_or_fault(key: str, file: str) -> dict[str, tuple[int, ...]] | str:
    """Return the shapes of the arrays in a file, or what is wrong with the file."""
    if fault := file_fault(file, folders=False):
        return f"{key}={fault}"
    try:
        return _array_shapes(Path(file))
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
    except (zipfile.BadZipFile, ValueError) as error:
        return f"{key}={file}: not a file of arrays from numpy.savez ({error})"


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


def checkpoint_fault(weights: str) -> str | None:
    """Check for a checkpoint that the models of etbench can read, from its first bytes.

    A function of the user may read any other file.
    """
    path = Path(weights)
    if path.is_dir():
        if has_saved_weights(path):
            return None
        return (
            f"model.weights={weights}: the folder contains no weights ({', '.join(SAVED_WEIGHTS)}); "
            "give one that save_pretrained wrote"
        )
    if not path.is_file():
        return None
    first = _first_or_fault("model.weights", path)
    if isinstance(first, str):
        return first
    if first[8:9] == b"{" if path.suffix == ".safetensors" else first.startswith((ZIP, b"\x80")):
        return None
    return (
        f"model.weights={weights}: not a checkpoint; give a .safetensors file, or a state dict that "
        "torch.save wrote"
    )


def exported_fault(path: str) -> str | None:
    """Check for a program of `torch.export`, from its first bytes."""
    if not Path(path).is_file():
        return None
    first = _first_or_fault("model.path", Path(path))
    if isinstance(first, str):
        return first
    if first.startswith(ZIP):
        return None
    other = f"; for an ExecuTorch program: model=pte model.path={path}" if first[4:6] == PTE else ""
    return f"model.path={path}: not an exported program; give a file that torch.export.save wrote{other}"


def _first_or_fault(key: str, path: Path) -> bytes | str:
    """Return the first bytes of a file that will be loaded, or what is wrong with the file."""
    try:
        with open_regular(path) as file:
            size, memory = os.fstat(file.fileno()).st_size, psutil.virtual_memory().total
            if size > memory:
                return f"{key}={path}: has {size:,} bytes, and this machine has {memory:,} bytes of memory"
            return file.read(9)
    except OSError as error:
        return f"{key}={path}: cannot be read: {error.strerror}"


def labelled_fault(key: str, data: str | None) -> str | None:
    """Check for a file or folder, or the function that a dotted name may be."""
    if data is None or Path(data).exists():
        return path_fault(key, data)
    is_name = re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", data) and not data.endswith(".npz")
    if not is_name:
        return path_fault(key, data)
    fault = name_fault(data)
    return f"{key}={data}: no such file or folder, and as a function: {fault}" if fault else None
