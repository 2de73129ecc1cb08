"""What the user probably meant by a word of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etbench.cli.commands import COMMANDS
from etbench.errors import closest

__all__ = ["hint", "hints"]


def hint(word: str) -> str:
    """Return what to type instead of a word that is neither a subcommand nor of the form key=value."""
    typed = {name: name for name in COMMANDS} | {
        option: f"{group}={option}" for option, group in _options().items()
    }
    near = closest(word, typed)
    return f"; did you mean {typed[near]!r}?" if near else f"; there are: {', '.join(COMMANDS)}"


def hints(arguments: Sequence[str], faults: Sequence[str]) -> Iterator[str]:
    """Yield a sentence about each refused word of a run's command line that looks like a subcommand.

    Args:
        arguments: the words, of the form key=value.
        faults: what is wrong with them, each beginning with its word: keys can have the name of a subcommand.

    """
    for text in arguments:
        name, assigned, _ = text.partition("=")
        if name in COMMANDS and any(fault.startswith((f"{name}=", f"{name}:")) for fault in faults):
            how = "without `=`" if assigned else "as the first word"
            yield f"the subcommand is written {how}: etbench {name} …"


def _options() -> dict[str, str]:
    """Return the group of each option that the YAML groups of etbench have."""
    from etbench.preflight.hydra_config import conf_dir

    root = conf_dir()
    paths = (path.relative_to(root).with_suffix("") for path in sorted(root.rglob("*/*.yaml")))
    found = ((path.parts[0], "/".join(path.parts[1:])) for path in paths)
    return {option: group for group, option in found if option not in ("none", "null")}
