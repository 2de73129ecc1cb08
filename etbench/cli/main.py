"""The program `etbench`: finds the subcommand and calls it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from etbench.cli.commands import COMMANDS
from etbench.cli.words import hint
from etbench.errors import EtbenchError
from etbench.escaping import terminal_text
from etbench.exit_status import BAD_USAGE, INTERRUPTED
from etbench.redaction import without_secrets
from etbench.system.os_errors import os_error_text
from etbench.terminal.pipe import discard, ending_with_the_reader, is_of_the_output, prepare_streams

__all__ = ["main"]

MOST_SHOWN = 200  # characters


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status; if its reader closes the pipe, it ends quietly.

    Args:
        argv: the words after ``etbench``; those of this process if not given.

    """
    prepare_streams()
    logging.raiseExceptions = False  # a full disk loses a line of a log, without a traceback for each
    try:
        with ending_with_the_reader():
            return _call(list(sys.argv[1:] if argv is None else argv))
    except EtbenchError as error:
        return _failed(error.message)
    except OSError as error:
        if is_of_the_output(error):
            discard(sys.stdout.fileno())
        return _failed(os_error_text(error))
    except UnicodeEncodeError as error:  # of a path, in a format that has to be UTF-8
        return _failed(f"{error.object[:MOST_SHOWN]!a}: a name in it is not UTF-8; rename it")
    except KeyboardInterrupt:
        return INTERRUPTED


def _failed(text: str) -> int:
    sys.stderr.write(f"{terminal_text(without_secrets(text))}\n")
    return BAD_USAGE


def _call(arguments: list[str]) -> int:
    first = arguments[0] if arguments else "--help"
    if first in ("-h", "--help") and len(arguments) < 2:
        from etbench.cli.about import help_text

        sys.stdout.write(help_text())
        return 0
    if first == "--version":
        from etbench.cli.about import version_text

        sys.stdout.write(version_text())
        return 0
    if first in COMMANDS:
        return COMMANDS[first].call(arguments[1:])
    if not first.startswith(("-", "+", "~")) and "=" not in first:
        raise EtbenchError(f"{first!r} is not a subcommand{hint(first)}", stage="command")
    return COMMANDS["run"].call(arguments)
