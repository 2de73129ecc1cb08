"""`doctor`: report what this machine can build, run and measure well, and why not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etbench.cli.arguments import number_of

if TYPE_CHECKING:
    from etbench.host.environment import Environment

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "It takes a few seconds, because it starts the runtime. The exit status is 1 if nothing can run here."
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="report on the board of these options instead: runner=native device=ssh device.host=…",
    )
    parser.add_argument(
        "--env",
        metavar="NAME",
        help="instead look at another interpreter: a name of `etbench env list`, or a path",
    )
    parser.add_argument(
        "--drift",
        type=number_of("minutes", below=10_000),
        nargs="?",
        const=5.0,
        metavar="MINUTES",
        help="instead measure how far apart separate runs of one program are here, with short runs of "
        "mobilenet_v2 over this time (default: 5), for the --drift of `etbench compare`",
    )


def run(args: argparse.Namespace) -> int:
    """Print the facts of this machine, the runtimes found, and advice; 1 if nothing can run here."""
    if args.overrides:
        return _board_facts(args.overrides)
    if args.env is not None:
        return _interpreter(args.env)
    return _facts() if args.drift is None else _drift(60 * args.drift)


def _facts() -> int:
    import psutil

    from etbench.config import Cell
    from etbench.host.environment import read_environment
    from etbench.preflight.compose import compose_options, option_names
    from etbench.preflight.doctor import describe, other_runtimes, registered_backends

    facts = read_environment(threads=None)
    rows = list(describe(facts))
    backends, why = registered_backends()
    rows.append(("runtimes", "portable, " + ", ".join(backends) if backends is not None else f"none: {why}"))
    native = compose_options("runner", ["native"])["native"]
    missing = native.runner.missing if isinstance(native, Cell) else str(native)
    rows.append(("native runner", f"none: {missing}" if missing else "runner=native compiles it"))
    delegates = compose_options("delegate", option_names("delegate"))
    rows += other_runtimes(one.delegate for one in delegates.values() if isinstance(one, Cell))
    _print_facts(rows)
    _print_advice(facts, psutil.cpu_percent(interval=0.5) / 100)
    return 0 if backends is not None else 1


def _interpreter(env: str) -> int:
    """Print the facts of another interpreter; 1 if etbench cannot use it."""
    from etbench.preflight.doctor import FAULT, describe_interpreter

    rows = list(describe_interpreter(env))
    _print_facts(rows)
    return int(rows[-1][0] == FAULT)


def _board_facts(overrides: list[str]) -> int:
    """Print the facts about a board; its runner is compiled and sent, since it knows most of them."""
    from etbench.builder.cache import cache_folder, native_folder
    from etbench.devices.board import BoardHost
    from etbench.devices.board_preparation import prepare_board
    from etbench.errors import ConfigError
    from etbench.preflight.compose import compose
    from etbench.preflight.doctor import describe
    from etbench.system.workspace import workspace
    from etbench.terminal.streams import print_line

    cell = compose(overrides)
    if cell.board is None:
        raise ConfigError(["a report on a board needs runner=native device=ssh device.host=…"])
    fetched = native_folder(cache_folder(cell.cache.dir))
    with workspace() as scratch:
        runner = prepare_board(
            cell.board,
            cell.runner.compilers,
            fetched=fetched,
            folder=fetched,
            scratch=scratch,
            log=scratch / "log",
            on_wait=lambda: print_line("waiting: another etbench is compiling the runner"),
        )
        host = BoardHost(cell.board, runner, scratch=scratch, log=scratch / "log", tell=print)
        facts = host.environment()
    _print_facts(list(describe(facts)))
    _print_advice(facts, busy_share=0.0)  # not known of a board
    return 0


def _print_facts(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one below the other."""
    from etbench.terminal.fitting import Column, print_table
    from etbench.terminal.streams import plain_console

    print_table(plain_console(), (Column("", left=True), Column("", wraps=True)), rows)


def _print_advice(facts: Environment, busy_share: float) -> None:
    """Print what disturbs measurements on a machine, and what to do about it."""
    from rich.text import Text

    from etbench.preflight.doctor import advise
    from etbench.terminal.streams import print_line

    for advice in advise(facts, busy_share):
        print_line(Text.assemble((advice.trouble, "yellow"), f"\n  {advice.cure}"))


def _drift(over_s: float) -> int:
    """Measure the drift between runs, and print it with the bound that `compare` can use."""
    from etbench.engine.drift import PROGRAM, RUNS, measure_drift
    from etbench.results.schema import Result
    from etbench.system.workspace import workspace
    from etbench.text import seconds_text

    def tell(number: int, result: Result) -> None:
        location = result.latency_ms and result.latency_ms.location
        print(f"run {number} of {RUNS}: {location:.4g} ms", flush=True)

    print(
        f"{RUNS} runs of {' '.join(PROGRAM)} over {seconds_text(over_s)}, or longer if they take longer; "
        "before them one that may build it",
        flush=True,
    )
    with workspace() as folder:
        drift, span_s = measure_drift(folder, over_s=over_s, tell=tell)
    print(
        f"drift between runs: {drift.deviation:.1%} (standard deviation), "
        f"with 95 % at most {drift.at_most:.1%}\n"
        f"  etbench compare BASELINE NEW --drift {drift.at_most:.1%}\n"
        f"  It holds for programs like this one and for runs up to {seconds_text(span_s)} apart."
    )
    return 0
