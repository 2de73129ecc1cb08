"""Checks of what a cell names and this host must have; each returns an error message, or None."""

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
from etbench.config.model_data import known_kind, unused_data
from etbench.config.sections import IMAGE_SUFFIXES, CacheSettings, Evaluate, Runner
from etbench.config.target import name_fault
from etbench.config.target import options_fault as options_refused
from etbench.errors import nearest
from etbench.results.checks import faults as accept_faults
from etbench.results.objective import accuracy_faults
from etbench.results.objective import faults as objective_faults

__all__ = ["faults_here", "missing_here"]

TOP1 = "etbench.evaluate.top1"
# Words in the names of options with which fsspec's file systems take credentials.
SECRETS = frozenset(
    {
        *("authorization", "connection", "credential", "credentials", "key", "passphrase", "password"),
        *("secret", "token"),
    }
)


def faults_here(cell: Cell) -> list[str]:
    """List what is wrong with a complete cell on this host.

    That is what does not exist, options that a function does not take, data that would not be used, and sizes
    that the program would not accept.
    """
    faults = [*(options_fault(*one) for one in _functions(cell)), cell.model.dynamic.fault]
    return [*missing_here(cell), *filter(None, faults), *unused_here(cell), *_unevaluated(cell)]


def missing_here(cell: Cell) -> list[str]:
    """List what the cell names and does not exist: files, functions, CPUs, columns, room in a cache.

    Another value may still change any other part of the cell.
    """
    local = isinstance(cell.device, HostDevice)
    faults = [
        *(target_fault(group, target) for group, target, _ in _functions(cell)),
        folder_fault("calibration.images", cell.calibration.images),
        text_fault("calibration.text", cell.calibration.text),
        npz_fault("calibration.npz", cell.calibration.npz),
        weights_fault(cell.model.weights),
        labelled_fault("evaluate.data", cell.evaluate.data),
        path_fault("model.path", cell.model.options.get("path")),
        path_fault("model.reference", cell.model.options.get("reference")),
        length_fault(cell.model.options),
        baseline_fault(cell.compare_to, cell.cache),
        path_fault("sweep.resume", cell.sweep.resume),
        affinity_fault(cell.measure.affinity) if local else None,
        start_fault(cell.measure.start) if local else None,
        device_fault(cell.device, cell.evaluate),
        phone_fault(cell.device, cell.runner, cell.profile),
        remote_fault(cell.cache),
        locks_fault(os.environ.get("ETBENCH_LOCKS")),
    ]
    return [
        *filter(None, faults),
        *objective_faults(cell.objective, cell.bounds),
        *accept_faults(cell.checks.accept),
    ]


def _unevaluated(cell: Cell) -> Iterator[str]:
    """Yield what asks for an accuracy that no function will evaluate, or for one without data."""
    evaluate = cell.evaluate
    if evaluate.target is None:
        chosen = "choose a function: evaluate=top1, or evaluate._target_=my_module.my_function"
        yield from (f"evaluate.{name}: no accuracy is evaluated; {chosen}" for name in evaluate.options)
        yield from accuracy_faults(cell.objective, cell.bounds)
    elif evaluate.target == TOP1 and evaluate.data is None:
        yield (
            f"evaluate.data is required: model={cell.model.name} has no labelled data of its own; give a "
            "folder that has a folder of pictures for each class, an .npz with `labels` and the inputs, or "
            "the name of a function that returns inputs and labels"
        )


def _functions(cell: Cell) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the functions that a cell names: the group, the dotted name, and the names of the arguments."""
    for group in ("model",) if cell.model.ready else ("model", "precision", "delegate"):
        part = getattr(cell, group)
        yield group, part.target, list(part.options)
    if cell.evaluate.target:
        yield "evaluate", cell.evaluate.target, ["program", *cell.evaluate.options]


def target_fault(group: str, target: str) -> str | None:
    """Check for a function, without importing its module."""
    fault = name_fault(target)
    return f"{group}._target_={target}: {fault}" if fault else None


def options_fault(group: str, target: str, arguments: list[str]) -> str | None:
    """Check the names of a function's arguments, as far as its source shows them."""
    fault = options_refused(target, arguments)
    return f"{group}._target_={target} {fault}" if fault else None


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
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{key}={file}: cannot be read: {error.strerror}"
    return None if text.strip() else f"{key}={file}: the file contains no text"


def npz_fault(key: str, file: str | None) -> str | None:
    """Check for a file of arrays with equal numbers of batches; the arrays themselves are not read."""
    if file is None:
        return None
    if not Path(file).is_file():
        return f"{key}={file}: no such file"
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
    with zipfile.ZipFile(file) as package:
        for name in package.namelist():
            with package.open(name) as entry:
                older = npy.read_magic(entry) == (1, 0)
                shape, _, dtype = (npy.read_array_header_1_0 if older else npy.read_array_header_2_0)(entry)
            if dtype.kind not in "biuf":
                raise ValueError(f"{name} has dtype {dtype}")
            shapes[name.removesuffix(".npy")] = shape
    return shapes


def unused_here(cell: Cell) -> list[str]:
    """List the data that the model would not use, as far as their kind is known before it is loaded.

    Only a whole cell shows this: other data may be given beside them, for the other models of a sweep.
    """
    given = cell.calibration
    if not cell.model.ready:
        unused = unused_data(given, known_kind(cell.model))
        return ["; ".join(unused)] if unused else []
    return [
        f"calibration.{name}={value}: would not be used, a finished program is not calibrated; "
        "give its inputs: model.reference=<.safetensors or .npz>"
        for name, value in (("npz", given.npz), ("images", given.images), ("text", given.text))
        if value
    ]


def affinity_fault(cpus: list[int] | None) -> str | None:
    """Check for CPUs that this process may use."""
    if cpus is None:
        return None
    if not hasattr(os, "sched_getaffinity"):
        return f"measure.affinity={cpus}: this system cannot pin processes to CPUs"
    allowed = os.sched_getaffinity(0)
    missing = sorted(set(cpus) - allowed)
    return f"measure.affinity={cpus}: this process may use only CPUs {sorted(allowed)}" if missing else None


def start_fault(start: str) -> str | None:
    """Check that this system can fork, if fork is requested."""
    if start != "fork" or hasattr(os, "fork"):
        return None
    return "measure.start=fork: this system cannot fork; use auto or spawn"


def device_fault(device: Device, evaluate: Evaluate) -> str | None:
    """Check for the program that connects to the device, and for what cannot be done there."""
    if isinstance(device, SshDevice) and shutil.which("ssh") is None:
        return "device=ssh: `ssh` is not installed on this host; install the OpenSSH client"
    if isinstance(device, AdbDevice) and shutil.which(device.adb) is None:
        return f"device=adb: `{device.adb}` is not installed on this host; {INSTALL_ADB}"
    if isinstance(device, RayDevice) and importlib.util.find_spec("ray") is None:
        return "device=ray: the package 'ray' is not installed: pip install \"etbench[ray]\""
    if evaluate.target and not isinstance(device, HostDevice):
        return (
            f"evaluate._target_={evaluate.target}: your code is not sent to a device; evaluate on device=host"
        )
    return None


def phone_fault(device: Device, runner: Runner, profile: bool) -> str | None:
    """Check for a native runner compiled for a phone, and for what only the Python runner does."""
    if not isinstance(device, AdbDevice):
        return None
    if runner.name != "native":
        return f"runner={runner.name}: a phone has no Python; use runner=native with device=adb"
    if profile:
        return "profile=true: only the Python runner times operators; leave it out with device=adb"
    if not Path(device.runner).is_file():
        return f"device.runner={device.runner}: no such file; docs/android.md describes how to compile one"
    return None


def remote_fault(cache: CacheSettings) -> str | None:
    """Check for the package that opens a remote cache, and for credentials, which results would record."""
    if not cache.enabled or cache.remote is None:
        return None
    if secret := next(_secrets({"remote": cache.remote, "remote_options": cache.remote_options}), None):
        return (
            f"cache.{secret}: results record the configuration, so it must not contain credentials; "
            "set them in the environment or a profile, such as AWS_ACCESS_KEY_ID"
        )
    from fsspec.registry import get_filesystem_class, known_implementations  # only needed for a remote cache

    scheme = cache.remote.partition("://")[0]
    try:
        get_filesystem_class(scheme)
    except ValueError:
        return f"cache.remote={cache.remote}: not a scheme of fsspec{nearest(scheme, known_implementations)}"
    except ImportError as error:
        package = known_implementations[scheme]["class"].partition(".")[0]
        if package == "fsspec":  # its error names what is missing
            return f"cache.remote={cache.remote}: {error}"
        install = "etbench[s3]" if package == "s3fs" else package
        return f'cache.remote={cache.remote}: {error}: pip install "{install}"'
    return None


def _secrets(value: Any, at: str = "") -> Iterator[str]:
    """Yield where options contain a credential, at any depth: by its name, or before the host in a URL."""
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


def labelled_fault(key: str, data: str | None) -> str | None:
    """Check for a file or folder, or the function that a dotted name may be."""
    if data is None or Path(data).exists():
        return None
    is_name = re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", data) and not data.endswith(".npz")
    if not is_name:
        return path_fault(key, data)
    fault = name_fault(data)
    return f"{key}={data}: no such file or folder, and as a function: {fault}" if fault else None


def path_fault(key: str, path: str | None) -> str | None:
    """Check for a file or folder."""
    return None if path is None or Path(path).exists() else f"{key}={path}: no such file or folder"


def baseline_fault(where: str | None, cache: CacheSettings) -> str | None:
    """Check for a baseline: the name of a kept one, a file or a folder."""
    from etbench.builder.cache import cache_folder  # few runs have one
    from etbench.results.files.baselines import location_fault

    fault = location_fault(where, cache_folder(cache.dir)) if where else None
    return f"compare_to={fault}" if fault else None


def locks_fault(folder: str | None) -> str | None:
    """Check for the folder of locks that several systems share."""
    return None if folder is None or Path(folder).is_dir() else f"ETBENCH_LOCKS={folder}: no such folder"


def weights_fault(weights: str) -> str | None:
    """Check for a checkpoint, unless the value is one of the words for weights."""
    words = ("random", "pretrained", "custom")  # a model without this option has `custom` ones
    if weights in words or Path(weights).exists():
        return None
    return (
        f"model.weights={weights}: expected 'random', 'pretrained' or an existing path"
        f"{nearest(weights, words[:2])}"
    )
