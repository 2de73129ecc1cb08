"""What a cell names and this host must have: each function returns a fault, or None."""

from __future__ import annotations

import importlib.util
import os
import shutil
import zipfile
from pathlib import Path

from etbench.config.sections import Device, Evaluate
from etbench.errors import nearest

__all__ = [
    "IMAGE_SUFFIXES",
    "affinity_fault",
    "device_fault",
    "folder_fault",
    "npz_fault",
    "path_fault",
    "start_fault",
    "text_fault",
    "weights_fault",
]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def folder_fault(key: str, folder: str | None) -> str | None:
    """Look for a folder with an image in it."""
    if folder is None:
        return None
    if not Path(folder).is_dir():
        return f"{key}={folder}: no such folder"
    if not any(path.suffix.lower() in IMAGE_SUFFIXES for path in Path(folder).rglob("*")):
        return f"{key}={folder}: no image in it ({', '.join(sorted(IMAGE_SUFFIXES))})"
    return None


def text_fault(key: str, file: str | None) -> str | None:
    """Look for a file with text in it."""
    if file is None:
        return None
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
    if not Path(file).read_text(encoding="utf-8", errors="replace").strip():
        return f"{key}={file}: the file holds no text"
    return None


def npz_fault(key: str, file: str | None) -> str | None:
    """Look for a file of arrays with as many batches each; the arrays themselves stay unread."""
    if file is None:
        return None
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
    try:
        shapes = _array_shapes(Path(file))
    except (zipfile.BadZipFile, ValueError) as error:
        return f"{key}={file}: no arrays as numpy.savez writes them ({error})"
    if not shapes:
        return f"{key}={file}: there is no array in it"
    if empty := [name for name, shape in shapes.items() if not shape or not shape[0]]:
        return f"{key}={file}: {', '.join(empty)} has no batch; the first axis counts them"
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        return f"{key}={file}: the arrays have different numbers of batches: {listed}"
    return None


def _array_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of an ``.npz`` file, from their heads.

    Raises:
        ValueError: for an entry that is no array of numbers.

    """
    from numpy.lib import format as npy

    shapes = {}
    with zipfile.ZipFile(file) as package:
        for name in package.namelist():
            with package.open(name) as entry:
                older = npy.read_magic(entry) == (1, 0)
                shape, _, dtype = (npy.read_array_header_1_0 if older else npy.read_array_header_2_0)(entry)
            if dtype.kind not in "biuf":
                raise ValueError(f"{name} is of {dtype}")
            shapes[name.removesuffix(".npy")] = shape
    return shapes


def affinity_fault(cpus: list[int] | None) -> str | None:
    """Look for CPUs that this process may use."""
    if cpus is None:
        return None
    if not hasattr(os, "sched_getaffinity"):
        return f"measure.affinity={cpus}: this system cannot pin processes to CPUs"
    allowed = os.sched_getaffinity(0)
    missing = sorted(set(cpus) - allowed)
    return f"measure.affinity={cpus}: this process may use CPUs {sorted(allowed)}" if missing else None


def start_fault(start: str) -> str | None:
    """Look for fork, where it is asked for."""
    if start != "fork" or hasattr(os, "fork"):
        return None
    return "measure.start=fork: this system cannot fork; take auto or spawn"


def device_fault(device: Device, evaluate: Evaluate) -> str | None:
    """Look for what another machine is reached with, and for what cannot be done there."""
    if device.kind == "host":
        return None
    if device.kind == "ssh" and device.host is None:
        return f"device.host: has to be given for device={device.kind}"
    if device.kind == "ssh" and shutil.which("ssh") is None:
        return f"device={device.kind}: this host has no `ssh`; install OpenSSH's client"
    if device.kind == "ray" and importlib.util.find_spec("ray") is None:
        return "device=ray: the package 'ray' is not installed: pip install \"etbench[ray]\""
    if evaluate.target:
        return (
            f"evaluate._target_={evaluate.target}: your code is not sent to a device; evaluate on device=host"
        )
    return None


def path_fault(key: str, path: str | None) -> str | None:
    """Look for a file or folder."""
    return None if path is None or Path(path).exists() else f"{key}={path}: no such file or folder"


def weights_fault(weights: str) -> str | None:
    """Look for a checkpoint; words that stand for weights are no fault."""
    words = ("random", "pretrained", "custom")
    if weights in words or Path(weights).exists():
        return None
    return (
        f"model.weights={weights}: neither 'random', 'pretrained' nor an existing path"
        f"{nearest(weights, words[:2])}"
    )
