"""`doctor`: report what this machine can build, run and measure well, and why not."""

from __future__ import annotations

import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "It takes a few seconds, because it starts the runtime. The exit status is 1 if nothing can run here."
    )


def run(args: argparse.Namespace) -> int:
    """Print the facts of this machine, the runtimes found, and advice; 1 if nothing can run here."""
    import psutil
    from rich.text import Text

    from etbench.config import Cell
    from etbench.host.environment import read_environment
    from etbench.preflight.compose import compose_options
    from etbench.preflight.doctor import advise, describe, registered_backends
    from etbench.terminal.fitting import Column, print_table
    from etbench.terminal.streams import plain_console

    console = plain_console()
    facts = read_environment(threads=None)
    rows = list(describe(facts))
    backends, why = registered_backends()
    rows.append(("runtimes", "portable, " + ", ".join(backends) if backends is not None else f"none: {why}"))
    native = compose_options("runner", ["native"])["native"]
    missing = native.runner.missing if isinstance(native, Cell) else str(native)
    rows.append(("native runner", f"none: {missing}" if missing else "runner=native compiles it"))
    print_table(console, (Column("", left=True), Column("", wraps=True)), rows)
    for advice in advise(facts, psutil.cpu_percent(interval=0.5) / 100):
        console.print(Text.assemble((advice.trouble, "yellow"), f"\n  {advice.cure}"))
    return 0 if backends is not None else 1
