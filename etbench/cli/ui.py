"""`ui`: the web page on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from etbench.errors import EtbenchError

__all__ = ["configure", "run"]

TOKEN_VARIABLE = "ETBENCH_UI_TOKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = "It runs, compares and inspects."
    parser.add_argument("--port", type=int, default=8765, help="0 takes any that is free (default: 8765)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--results",
        type=Path,
        action="append",
        metavar="DIR",
        help="folder of results; may be repeated, new runs go to the first (default: outputs)",
    )
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="YAML groups of your own")
    parser.add_argument("--host", default="127.0.0.1", help="another address than 127.0.0.1 needs a token")
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"a secret that the browser must bring; others on this machine can read it in the list of "
        f"processes, not so where {TOKEN_VARIABLE} has it",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the page until it is stopped.

    Raises:
        EtbenchError: if that is not possible.

    """
    try:
        from etbench.ui.pages import add_pages
        from etbench.ui.security import LEAST_TOKEN, is_loopback
        from etbench.ui.server import Settings, serve
    except ImportError as error:
        raise EtbenchError(f'{error}; the page needs: pip install "etbench[ui]"', stage="ui") from error
    if not is_loopback(args.host) and not args.token:
        raise EtbenchError(
            f"--host {args.host}: others could start runs here; add --token, or set {TOKEN_VARIABLE}",
            stage="ui",
        )
    if args.token and len(args.token) < LEAST_TOKEN:
        raise EtbenchError(
            f"--token: {len(args.token)} characters can be guessed; take {LEAST_TOKEN} at least", stage="ui"
        )
    if args.config_dir and not args.config_dir.is_dir():
        raise EtbenchError(f"--config-dir {args.config_dir}: no such folder", stage="ui")
    settings = Settings(
        host=args.host,
        port=args.port,
        token=args.token,
        browser=not args.no_browser,
        results=args.results or [Path("outputs")],
        config_dir=args.config_dir,
    )
    try:
        serve(settings, add_pages)
    except OSError as error:
        raise EtbenchError(
            f"--port {args.port}: {error.strerror}; take another one, or 0 for any", stage="ui"
        ) from error
    return 0
