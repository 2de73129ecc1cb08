"""Parse the arguments of a subcommand; an unknown option is refused with the option that may be meant."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from etbench.errors import nearest

__all__ = ["parsed"]


def parsed(
    parser: argparse.ArgumentParser, arguments: Sequence[str], *, mixed: bool = False
) -> argparse.Namespace:
    """Return the values of the arguments, or end the process with status 2 and a message, as argparse does.

    Args:
        parser: of the subcommand.
        arguments: to parse.
        mixed: whether options may be between positional arguments.

    """
    parse = parser.parse_known_intermixed_args if mixed else parser.parse_known_args
    args, unknown = parse(list(arguments))
    if unknown:
        parser.error(_refusal(parser, unknown))
    return args


def _refusal(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> str:
    """Return what is wrong with arguments that a parser does not know.

    A word behind an unknown option may be its value, so only the options are named, if there are any.
    """
    names = [text.partition("=")[0] for text in unknown if text.startswith("-")]
    if not names:
        return f"unrecognized arguments: {' '.join(unknown)}"
    known = [name for name in _options(parser) if name.startswith("--")]
    return "unrecognized arguments: " + ", ".join(f"{name}{nearest(name, known)}" for name in names)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of a parser and of its subcommands."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _options(inner)
