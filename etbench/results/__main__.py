"""`python -m etbench.results`: what can be done with result files, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from etbench.errors import EtbenchError
from etbench.results.commands import aggregate, charts, compare, foreign, history, report
from etbench.results.commands.common import BAD_USAGE

__all__ = ["main"]

COMMANDS = (aggregate, charts, compare, report, history, foreign)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m etbench.results", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except EtbenchError as error:
        print(error.message, file=sys.stderr)
        return BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
