"""What a cell names and this host must have; each check returns a fault, or None."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etbench.config import Cell
from etbench.config.devices import INSTALL_ADB, AdbDevice, Device, HostDevice, RayDevice, SshDevice
from etbench.config.generation import length_fault
from etbench.config.sections import IMAGE_SUFFIXES, CacheSettings, Evaluate, Runner
from etbench.errors import nearest
from etbench.results.objective import faults as objective_faults

__all__ = ["missing_here"]

# Words in the names of options that fsspec's file systems take credentials in.
SECRETS = frozenset(
    {
        "authorization",
        "connection",
        "credential",
        "credentials",
        "key",
        "passphrase",
        "password",
        "secret",
        "token",
    }
)


def missing_here(cell: Cell) -> list[str]:
    """List what the cell names and is not there: files, folders, CPUs, figures, room in a cache."""
    local = isinstance(cell.device, HostDevice)
    faults = [
        folder_fault("calibration.images", cell.calibration.images),
        text_fault("calibration.text", cell.calibration.text),
        npz_fault("calibration.npz", cell.calibration.npz),
        weights_fault(cell.model.weights),
        path_fault("evaluate.data", cell.evaluate.data),
        path_fault("model.path", cell.model.options.get("path")),
        path_fault("model.reference", cell.model.options.get("reference")),
        length_fault(cell.model.options),
        path_fault("compare_to", cell.compare_to),
        path_fault("sweep.resume", cell.sweep.resume),
        affinity_fault(cell.measure.affinity) if local else None,
        start_fault(cell.measure.start) if local else None,
        device_fault(cell.device, cell.evaluate),
        phone_fault(cell.device, cell.runner, cell.profile),
        remote_fault(cell.cache),
        locks_fault(os.environ.get("ETBENCH_LOCKS")),
    ]
    return [*filter(None, faults), *objective_faults(cell.objective, cell.bounds)]


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
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
    return None if text.strip() else f"{key}={file}: the file holds no text"


def npz_fault(key: str, file: str | None) -> str | None:
    """Look for a file of arrays with as many batches each; the arrays themselves stay unread."""
    if file is None:
        return None
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
    try:
        shapes = _array_shapes(Path(file))
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
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
    if isinstance(device, SshDevice) and shutil.which("ssh") is None:
        return "device=ssh: this host has no `ssh`; install OpenSSH's client"
    if isinstance(device, AdbDevice) and shutil.which(device.adb) is None:
        return f"device=adb: this host has no `{device.adb}`; {INSTALL_ADB}"
    if isinstance(device, RayDevice) and importlib.util.find_spec("ray") is None:
        return "device=ray: the package 'ray' is not installed: pip install \"etbench[ray]\""
    if evaluate.target and not isinstance(device, HostDevice):
        return (
            f"evaluate._target_={evaluate.target}: your code is not sent to a device; evaluate on device=host"
        )
    return None


def phone_fault(device: Device, runner: Runner, profile: bool) -> str | None:
    """Look for what a phone is measured with: a native runner compiled for it, and nothing of Python's."""
    if not isinstance(device, AdbDevice):
        return None
    if runner.name != "native":
        return f"runner={runner.name}: a phone has no Python; device=adb goes with runner=native"
    if profile:
        return "profile=true: operators are timed by Python's runner; leave it out with device=adb"
    if not Path(device.runner).is_file():
        return f"device.runner={device.runner}: no such file; docs/android.md says how to compile one"
    return None


def remote_fault(cache: CacheSettings) -> str | None:
    """Look for what a remote cache is reached with, and for credentials, which results would keep."""
    if not cache.enabled or cache.remote is None:
        return None
    if secret := next(_secrets({"remote": cache.remote, "remote_options": cache.remote_options}), None):
        return (
            f"cache.{secret}: results keep the configuration, so credentials must not be in it; "
            "give them where their own tools look, such as AWS_ACCESS_KEY_ID or a profile"
        )
    from fsspec.registry import get_filesystem_class, known_implementations  # only where a remote is named

    scheme = cache.remote.partition("://")[0]
    try:
        get_filesystem_class(scheme)
    except ValueError:
        return f"cache.remote={cache.remote}: no scheme of fsspec{nearest(scheme, known_implementations)}"
    except ImportError as error:
        package = known_implementations[scheme]["class"].partition(".")[0]
        if package == "fsspec":  # whose error says what is missing
            return f"cache.remote={cache.remote}: {error}"
        install = "etbench[s3]" if package == "s3fs" else package
        return f'cache.remote={cache.remote}: {error}: pip install "{install}"'
    return None


def _secrets(value: Any, at: str = "") -> Iterator[str]:
    """Yield where options hold a credential, at any depth: by its name, or before the host in a URL."""
    if isinstance(value, str) and re.search("://[^/]*@", value):
        yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        where = f"{at}.{name}" if at else str(name)
        words = re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", str(name))
        if SECRETS & {word.lower() for word in words}:
            yield where
        else:
            yield from _secrets(inner, where)


def path_fault(key: str, path: str | None) -> str | None:
    """Look for a file or folder."""
    return None if path is None or Path(path).exists() else f"{key}={path}: no such file or folder"


def locks_fault(folder: str | None) -> str | None:
    """Look for the folder of locks that several systems share."""
    return None if folder is None or Path(folder).is_dir() else f"ETBENCH_LOCKS={folder}: no such folder"


def weights_fault(weights: str) -> str | None:
    """Look for a checkpoint; words that stand for weights are no fault."""
    words = ("random", "pretrained", "custom")
    if weights in words or Path(weights).exists():
        return None
    return (
        f"model.weights={weights}: neither 'random', 'pretrained' nor an existing path"
        f"{nearest(weights, words[:2])}"
    )
