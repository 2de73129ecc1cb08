"""Checks of what a cell names and this host must have; each returns an error message, or None.

An error of these ends the command before any work. A combination that cannot work, such as a precision that
a delegate refuses, skips its cell only, and is declared in YAML (`cannot`; see `Cell.impossible`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from etbench.config import Cell
from etbench.config.devices import INSTALL_ADB, AdbDevice, Device, HostDevice, RayDevice, SshDevice
from etbench.config.generation import length_fault
from etbench.config.model_data import known_kind, unused_data
from etbench.config.sections import CacheSettings, Evaluate, Runner
from etbench.config.target import name_fault
from etbench.config.target import options_fault as options_refused
from etbench.environments import BUILDING, RUNNING, interpreter, look
from etbench.errors import EtbenchError, nearest
from etbench.native import libraries_fault
from etbench.preflight.file_checks import (
    checkpoint_fault,
    exported_fault,
    folder_fault,
    labelled_fault,
    miou_fault,
    npz_fault,
    path_fault,
    resume_fault,
    text_fault,
    top1_fault,
    weights_fault,
)
from etbench.results.checks import faults as accept_faults
from etbench.results.decision.objective import accuracy_faults, share_faults
from etbench.results.decision.objective import faults as objective_faults

__all__ = ["faults_here", "missing_here"]

EXPORTED = "etbench.models.exported.program"
PERPLEXITY = "etbench.evaluate.perplexity"
LABELLED = {  # the functions that need labelled data: the form of a folder of them, and its check
    "etbench.evaluate.top1": ("a folder that has a folder of pictures for each class", top1_fault),
    "etbench.evaluate.miou": ("a folder with the folders images and masks", miou_fault),
}


def faults_here(cell: Cell) -> list[str]:
    """List what is wrong with a complete cell on this host.

    That is what does not exist, options that a function does not take, data that would not be used, and sizes
    that the program would not accept.
    """
    faults = [*(options_fault(*one) for one in _functions(cell)), cell.model.dynamic.fault]
    if cell.model.target.startswith("etbench.models."):
        faults.append(checkpoint_fault(cell.model.weights))
    if cell.model.target == EXPORTED:
        faults.append(exported_fault(str(cell.model.options.get("path"))))
    missing = missing_here(cell)
    return [*missing, *filter(None, faults), *unused_here(cell), *_unevaluated(cell, missing)]


def missing_here(cell: Cell) -> list[str]:
    """List what the cell names and does not exist: files, functions, CPUs, columns, room in a cache.

    Another value may still change any other part of the cell.
    """
    from etbench.builder.cache import cache_fault, cache_folder  # not for --help

    local = isinstance(cell.device, HostDevice)
    faults = [
        *(target_fault(group, target) for group, target, _ in _functions(cell)),
        folder_fault("calibration.images", cell.calibration.images),
        text_fault("calibration.text", cell.calibration.text),
        text_fault("evaluate.text", _text(cell)),
        npz_fault("calibration.npz", cell.calibration.npz),
        weights_fault(cell.model.weights),
        labelled_fault("evaluate.data", cell.evaluate.data),
        path_fault("model.path", cell.model.options.get("path")),
        path_fault("model.reference", cell.model.options.get("reference")),
        converter_fault(cell.delegate.options.get("converter_python")),
        length_fault(cell.model.options),
        baseline_fault(cell.compare_to, cell.cache),
        resume_fault(cell.sweep.resume),
        affinity_fault(cell.measure.affinity) if local else None,
        start_fault(cell.measure.start) if local else None,
        device_fault(cell.device, cell.evaluate),
        executor_fault(cell.device, cell.delegate.executor),
        *env_faults(cell),
        phone_fault(cell.device, cell.runner),
        cache_fault(cache_folder(cell.cache.dir)) if cell.cache.enabled else None,
        remote_fault(cell.cache),
        locks_fault(os.environ.get("ETBENCH_LOCKS")),
    ]
    return [
        *filter(None, faults),
        *objective_faults(cell.decision.objective, cell.decision.bounds),
        *accept_faults(cell.checks.accept),
    ]


def _text(cell: Cell) -> str | None:
    text = cell.evaluate.options.get("text") if cell.evaluate.target == PERPLEXITY else None
    return None if text is None else str(text)


def _unevaluated(cell: Cell, missing: Collection[str]) -> Iterator[str]:
    """Yield what asks for an accuracy that no function will evaluate, or for one without data that fit it."""
    evaluate = cell.evaluate
    if evaluate.target is None:
        chosen = (
            "choose a function: evaluate=top1, miou or perplexity, or evaluate._target_=my_module.my_function"
        )
        yield from (f"evaluate.{name}: no accuracy is evaluated; {chosen}" for name in evaluate.options)
        yield from accuracy_faults(cell.decision.objective, cell.decision.bounds)
        return
    if evaluate.target not in LABELLED:
        return
    folder, check = LABELLED[evaluate.target]
    yield from share_faults(cell.decision.bounds)
    if evaluate.data is None:
        yield (
            f"evaluate.data is required: model={cell.model.name} has no labelled data of its own; give "
            f"{folder}, an .npz with `labels` and the inputs, or the name of a function "
            "that returns inputs and labels"
        )
    elif not any(fault.startswith("evaluate.data=") for fault in missing):
        kind = None if cell.model.ready else known_kind(cell.model)
        if fault := check("evaluate.data", evaluate.data, kind):
            yield fault


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


def executor_fault(device: Device, executor: str | None) -> str | None:
    """Check for an executor of the user, whose code is not on the device."""
    if executor is None or isinstance(device, HostDevice | RayDevice) or executor.startswith("etbench."):
        return None
    return f"delegate.executor={executor}: your code is not sent to a device; measure on device=host"


def converter_fault(named: str | None) -> str | None:
    """Check for the interpreter that runs the converter of another runtime."""
    try:
        if named is not None:
            interpreter(named)
    except EtbenchError as error:
        return f"delegate.converter_python={named}: {error.message}"
    return None


def env_faults(cell: Cell) -> list[str]:
    """Check the interpreters that build and run a cell: packages, versions, and what can measure there."""
    if cell.env.runs and not isinstance(cell.device, HostDevice):
        other = "; it has device.python" if isinstance(cell.device, SshDevice) else ""
        return [f"env.run={cell.env.runs}: for device=host only, not for device={cell.device.kind}{other}"]
    builds, runs = cell.env.builds, cell.env.runs
    uses = [("env.build", builds, BUILDING), ("env.run", runs, RUNNING)]
    if builds == runs:
        uses = [("env", builds, BUILDING)]
    faults = []
    for key, env, needed in uses:
        if env is not None:
            try:
                fault = look(interpreter(env)).fault(needed)
            except EtbenchError as error:
                fault = error.message
            faults += [f"{key}={env}: {fault}"] if fault else []
    if not faults and cell.compiles_runner and (fault := libraries_fault(cell.env.runs)):
        faults.append(f"runner=native: {fault}")
    return faults


def phone_fault(device: Device, runner: Runner) -> str | None:
    """Check for a native runner compiled for a phone."""
    if not isinstance(device, AdbDevice):
        return None
    if runner.name != "native":
        return f"runner={runner.name}: a phone has no Python; use runner=native with device=adb"
    if not Path(device.runner).is_file():
        return f"device.runner={device.runner}: no such file; docs/android.md describes how to compile one"
    return None


def remote_fault(cache: CacheSettings) -> str | None:
    """Check for the package that opens a remote cache."""
    if not cache.enabled or cache.remote is None:
        return None
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


def baseline_fault(where: str | None, cache: CacheSettings) -> str | None:
    """Check for a baseline: the name of a kept one, a file or a folder."""
    from etbench.builder.cache import cache_folder
    from etbench.results.files.baselines import location_fault

    fault = location_fault(where, cache_folder(cache.dir)) if where else None
    return f"compare_to={fault}" if fault else None


def locks_fault(folder: str | None) -> str | None:
    """Check for the folder of locks that several systems share."""
    return None if folder is None or Path(folder).is_dir() else f"ETBENCH_LOCKS={folder}: no such folder"
