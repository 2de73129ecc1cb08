"""The help and the versions that the program prints."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from etbench.cli.commands import COMMANDS
from etbench.version import __version__

__all__ = ["help_text", "version_text"]

STACK = ("torch", "executorch", "torchao", "torchvision", "transformers", "hydra-core")

HELP = """\
usage: etbench [SUBCOMMAND] …
       etbench [-m] [group=option …] [key=value …]

How fast, how big and how accurate is this model, in this precision, on this ExecuTorch delegate?

subcommands (`etbench SUBCOMMAND --help` lists the arguments of each):
{commands}

examples:
  etbench model=resnet18 precision=int8                                  one cell
  etbench -m model=resnet18,mobilenet_v2 precision=fp32,int8             a sweep of four cells
  etbench -m --dry-run model=resnet18,mobilenet_v2 precision=fp32,int8   list what it would do
  etbench --config-dir my_conf model=my_model                            a model of your own
  etbench show outputs/<folder>                                          the table of a finished run
  etbench run --help                                                     all groups and keys

`python -m etbench …` is the same program; `etbench --version` prints the versions of etbench and its stack.
"""


def help_text() -> str:
    """Return the help of the program."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())
    return HELP.format(commands="\n".join(lines))


def version_text() -> str:
    """Return the versions of etbench and of the libraries it measures with, without importing them."""
    lines = [f"etbench {__version__}", f"python {platform.python_version()}"]
    return "\n".join([*lines, *(f"{name} {_version(name)}" for name in STACK)]) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"
