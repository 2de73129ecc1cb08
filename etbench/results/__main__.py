"""`python -m etbench.results`: what can be done with result files, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from etbench.cli import aggregate, charts, compare, foreign, history, report, show
from etbench.cli.common import BAD_USAGE
from etbench.errors import EtbenchError
from etbench.terminal.pipe import ending_with_the_reader

__all__ = ["main"]

COMMANDS = (show, aggregate, charts, compare, report, history, foreign)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status; a reader that leaves ends it quietly."""
    with ending_with_the_reader():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
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
