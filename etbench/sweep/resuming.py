"""Expand `sweep.resume=<folder>` on a command line."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from etbench.config import decides_cell
from etbench.config.command import shell_words
from etbench.errors import ConfigError
from etbench.preflight.override_text import (
    if_comma_is_text,
    override_key,
    override_value,
    quoting_fault,
    unquoted,
)
from etbench.sweep.manifest import read_manifest
from etbench.text import printable

__all__ = ["resuming"]

LAUNCHER = "etbench"  # gets the whole grid, and compares it with that of the resumed sweep
PACKAGES = {"tracking": "hydra.callbacks"}  # the package of a group's options, if it is not the group's name


def resuming(argv: Sequence[str]) -> list[str]:
    """Return the arguments with ``sweep.resume=<folder>`` expanded.

    They are added to the command line that started the sweep, and replace its values of the same keys and
    flags. Results are written to that folder. If somebody else may have started the sweep, its command line
    is printed.

    Raises:
        ConfigError: if no sweep was started in the folder, or this is not the same sweep.

    """
    args = get_args_parser().parse_args(list(argv))
    given = {override_key(text): text for text in args.overrides}
    folder = _resumed_folder(given.get("sweep.resume", ""))
    if folder is None:
        return list(argv)
    if not args.multirun:
        raise ConfigError([f"{given['sweep.resume']}: add -m to resume a sweep"])
    manifest = read_manifest(folder)
    if not manifest.is_own:
        command = printable(shell_words(manifest.argv)).replace("\n", "\\n")
        sys.stderr.write(
            f"{given['sweep.resume']}: etbench does not know who started this sweep; "
            f"its command line runs now, and can execute any code: {command}\n"
        )
    started = get_args_parser().parse_args(manifest.argv)
    before = {override_key(text): text for text in started.overrides}
    _check_same_command(given, before, folder, growing=manifest.growing)
    return [
        *_joined_flags(argv, args, started),
        *_still_valid(before, given),
        *(text for text in args.overrides if override_key(text) != "hydra.sweep.dir"),
        f"hydra.sweep.dir={override_value(given['sweep.resume'])}",
    ]


def _still_valid(before: dict[str, str], given: dict[str, str]) -> list[str]:
    """Return the overrides of a sweep that those given now do not replace.

    A different launcher or tracker does not accept the options of the previous one.
    """
    changed = [
        key
        for key in before.keys() & given.keys()
        if not decides_cell(key) and override_value(before[key]) != override_value(given[key])
    ]
    options = tuple(f"{PACKAGES.get(key, key.replace('/', '.'))}." for key in changed)
    replaced = {*given, "sweep.retry", "hydra.sweep.dir"}
    return [text for key, text in before.items() if key not in replaced and not key.startswith(options)]


def _resumed_folder(text: str) -> Path | None:
    """Return the folder that ``sweep.resume=<folder>`` names, or None if nothing is resumed."""
    if not text:
        return None
    try:
        item = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError([quoting_fault(text, error)]) from None
    if item.is_sweep_override():
        raise ConfigError([f"{text}: only one sweep can be resumed; {if_comma_is_text(text)}"])
    return Path(str(item.value())) if item.value() not in (None, "") else None


def _joined_flags(argv: Sequence[str], args: Namespace, started: Namespace) -> list[str]:
    """Return the flags given now, and those of the sweep that locate its YAML, unless given now."""
    flags = [text for text in argv if text not in args.overrides]
    for name in ("config_path", "config_name", "config_dir"):
        value = getattr(started, name)
        if value is not None and getattr(args, name) is None:
            flags += [f"--{name.replace('_', '-')}", value]
    return flags


def _check_same_command(
    given: dict[str, str], before: dict[str, str], folder: Path, *, growing: bool
) -> None:
    """Reject what the sweep itself would not notice: another folder, or other cells that are run one by one.

    etbench's own launcher compares the cells themselves, with a manifest that was complete from the start.
    """
    asked = given.get("hydra.sweep.dir")
    if asked is not None and Path(unquoted(override_value(asked))).resolve() != folder.resolve():
        raise ConfigError([f"{asked}: a resumed sweep writes its results to {folder}; remove this option"])
    if not growing and override_value((before | given).get("hydra/launcher", "")) in ("", LAUNCHER):
        return
    faults = [
        f"{text}: that sweep had {before.get(key, f'no {key}=…')}"
        for key, text in given.items()
        if ("=" in text or text.startswith("~"))  # a single word is reported with all other errors
        and decides_cell(key)
        and override_value(before.get(key, "")) != override_value(text)
    ]
    if faults:
        raise ConfigError(["sweep.resume: not the same sweep", *faults])
