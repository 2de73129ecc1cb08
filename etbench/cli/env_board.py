"""`env create --board`: fetch ExecuTorch's libraries for a board that needs no Python."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_board", "create_board"]


def add_board(parser: argparse.ArgumentParser) -> None:
    """Add the argument --board to the parser of `env create`."""
    from etbench.native.libraries import ARCHITECTURES

    parser.add_argument(
        "--board",
        choices=list(ARCHITECTURES),
        help="the architecture of a board: fetch the libraries that the native runner needs there, for "
        "device=ssh runner=native",
    )


def create_board(architecture: str, cache: Path) -> int:
    """Fetch the libraries into the cache folder, print where they are, and return the exit status.

    Raises:
        EtbenchError: if they cannot be fetched.

    """
    from etbench.builder.cache import Cache, native_folder
    from etbench.native.libraries import executorch_version, fetch_libraries

    Cache(cache, 0).claim()
    kept = fetch_libraries(
        architecture,
        native_folder(cache),
        on_wait=lambda: print("waiting: another etbench is fetching them", flush=True),
    )
    print(f"the libraries of ExecuTorch {executorch_version()} for {architecture}: {kept}")
    return 0
