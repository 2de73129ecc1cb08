"""What `sweep.resume=<folder>` stands for on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from etbench.errors import ConfigError
from etbench.sweep.manifest import read_manifest

__all__ = ["resuming"]


def resuming(argv: Sequence[str]) -> list[str]:
    """Return the arguments with what ``sweep.resume=<folder>`` stands for.

    Results go to that folder. Where nothing else is said, the grid is that of its command line.

    Raises:
        ConfigError: if no sweep was started there.

    """
    overrides, flags = _split(argv)
    values = dict(text.split("=", 1) for text in overrides if "=" in text)
    folder = values.get("sweep.resume")
    if not folder or folder == "null":
        return list(argv)
    if not {"-m", "--multirun"} & set(flags):
        raise ConfigError([f"sweep.resume={folder}: add -m to go on with a sweep"])
    if all(key.startswith(("sweep.", "hydra.")) for key in values):
        then, flags = _split(read_manifest(Path(_unquoted(folder))).argv)
        own = [
            text
            for text in then
            if not text.startswith(("sweep.resume=", "sweep.retry=", "hydra.sweep.dir="))
        ]
        overrides = [*own, *overrides]
    return [*flags, *overrides, f"hydra.sweep.dir={folder}"]


def _unquoted(text: str) -> str:
    """Return the value that Hydra's grammar reads, where it is one."""
    try:
        return str(OverridesParser.create().parse_override(f"key={text}").value())
    except HydraException:
        return text  # is reported with all other faults


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides among the arguments, and the options with their values."""
    overrides = get_args_parser().parse_args(list(argv)).overrides
    return list(overrides), [text for text in argv if text not in overrides]
