"""`upgrade`: report what an upgrade of ExecuTorch changes, as a Markdown summary."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from etbench.cli.arguments import share
from etbench.cli.common import BAD_USAGE
from etbench.config.env import CURRENT
from etbench.errors import EtbenchError

__all__ = ["configure", "run"]

SUMMARY = "upgrade.md"
OWN = ("from", "to")
MIN_ROUNDS = "repeat.min_rounds="
WAYS = 4  # each program of two on each runtime of two
RESERVED = ("env", "env.python", "env.build", "env.run", "hydra.sweep.dir", "compare_to")


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "Builds each cell with each version and runs each program with each version, all interleaved, then "
        "compares the old version with the new one. The exit status is that of `compare`. Example: etbench "
        "upgrade from=executorch==1.4.1 to=current model=mobilenet_v2,resnet18 precision=fp32,int8"
    )
    parser.add_argument(
        "overrides",
        nargs="+",
        metavar="from=|to=|KEY=VALUE",
        help="from and to: `current` for this interpreter, a requirement such as executorch==1.4.1 (its "
        "environment is made if there is none), a name of `etbench env list` or a path; the rest chooses the "
        "cells, as for `etbench -m`",
    )
    parser.add_argument(
        "--fail-above", type=share, default=0.05, help="the largest slowdown that is allowed (default: 5%%)"
    )
    parser.add_argument("--allow-undecided", action="store_true", help="exit with 0 if a cell is undecided")
    parser.add_argument(
        "--why",
        action="store_true",
        help="profile the old and the new program of each cell whose time changes with the program alone, "
        "interleaved, and name the part that changed most; they run on this interpreter, so with to=current",
    )
    parser.add_argument("--config-dir", help="folder with YAML groups of your own")
    parser.add_argument("-o", "--out", type=Path, help="folder of the results and of upgrade.md")


def run(args: argparse.Namespace) -> int:
    """Measure both versions, print the summary, and return the exit status."""
    from etbench.cli.compare import explaining
    from etbench.escaping import terminal_text
    from etbench.results.comparison.upgrade import upgrade_of
    from etbench.results.files.store import read_results
    from etbench.system.files import replace_file

    given = dict(text.partition("=")[::2] for text in args.overrides)
    _check(given)
    envs = [_environment(given[name]) for name in OWN]
    if envs[0] == envs[1]:
        raise EtbenchError(f"from={given['from']} to={given['to']}: give two interpreters", stage="upgrade")
    if args.why and envs[1] is not None:
        raise EtbenchError(
            f"--why to={given['to']}: it profiles with this interpreter; use to=current", stage="upgrade"
        )
    out = args.out or Path("outputs") / datetime.now().strftime("%Y-%m-%d/%H-%M-%S-upgrade")
    if (status := _measured(args, envs, out)) == BAD_USAGE:
        return status
    found = read_results([out])[0]
    upgrade = upgrade_of(
        [result for _, result in found],
        *envs,
        threshold=args.fail_above,
        explain=explaining(found) if args.why else None,
    )
    text, outcome = upgrade.text(["undecided"] if args.allow_undecided else [])
    replace_file(out / SUMMARY, text.encode("utf-8", "backslashreplace"))
    sys.stdout.write(f"\n{terminal_text(text)}\nsummary: {out / SUMMARY}\n")
    return outcome.status


def _check(given: dict[str, str]) -> None:
    """Check the overrides that are not passed on, and that none decides what this command decides.

    Raises:
        EtbenchError: with what is missing or too much.

    """
    if missing := [name for name in OWN if not given.get(name)]:
        raise EtbenchError(
            f"{missing[0]}= is required: etbench upgrade from=executorch==1.4.1 to=current model=…",
            stage="upgrade",
        )
    if taken := [name for name in RESERVED if name in given]:
        raise EtbenchError(f"{taken[0]}={given[taken[0]]}: from, to and --out decide this", stage="upgrade")


def _environment(text: str) -> str | None:
    """Return what `env` is for one of the two, and make its environment if it is a requirement."""
    from etbench.environments import interpreter, managed_names

    if text == CURRENT:
        return None
    if "==" in text:
        from etbench.cli.env import create_environment
        from etbench.environments.requirements import environment_name

        name = environment_name([text])
        if name not in managed_names():
            create_environment([text])
        return name
    interpreter(text)  # raises an error if there is none
    return text


def _measured(args: argparse.Namespace, envs: list[str | None], out: Path) -> int:
    """Build and run all cells in all four ways in one sweep, and return its exit status."""
    from etbench.config.command import quoted
    from etbench.preflight.command_line import check_command_line
    from etbench.preflight.grid import expanded
    from etbench.system.interrupt import call

    both = ",".join("null" if env is None else quoted(env) for env in envs)
    rest = [text for text in args.overrides if text.partition("=")[0] not in OWN]
    flags = ["-m", *(["--config-dir", args.config_dir] if args.config_dir else [])]
    rest += [f"env.build={both}", f"env.run={both}", f"hydra.sweep.dir={quoted(str(out))}"]
    if not any(text.startswith(MIN_ROUNDS) for text in rest):
        cells = len(expanded(check_command_line([*flags, *rest]))[1])
        rest.append(f"{MIN_ROUNDS}{_rounds(cells // WAYS)}")
    return call([sys.executable, "-m", "etbench", *flags, *rest])


def _rounds(comparisons: int) -> int:
    """Return how many rounds decide each of so many comparisons, although one round may be an outlier.

    All rounds are spawned, since they have several interpreters, and take seconds to start: without this
    there would be five, which decide nothing.
    """
    from etbench.stats.looks import blocks_needed
    from etbench.stats.verdict import Levels

    return blocks_needed(Levels().regression / comparisons, outliers=1)
