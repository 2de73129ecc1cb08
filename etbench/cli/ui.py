"""`ui`: start the web interface on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from etbench.errors import EtbenchError

__all__ = ["configure", "run"]

TOKEN_VARIABLE = "ETBENCH_UI_TOKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = "It runs cells, and compares and inspects results."
    parser.add_argument(
        "--port", type=int, default=8765, help="port of the page, or 0 for a free one (default: 8765)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, but open no browser")
    parser.add_argument(
        "--results",
        type=Path,
        action="append",
        metavar="DIR",
        help="folder of results; may be repeated, new runs go to the first (default: outputs)",
    )
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="folder with YAML groups of your own")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1); any other needs --token",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"a secret that the browser must send; other users of this machine can read it in the list of "
        f"processes, so set {TOKEN_VARIABLE} instead",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the page until it is stopped.

    Raises:
        EtbenchError: if the page cannot be served.

    """
    try:
        from etbench.ui.pages import add_pages
        from etbench.ui.security import LEAST_TOKEN, is_loopback
        from etbench.ui.server import Settings, serve
    except ImportError as error:
        raise EtbenchError(f'{error}; the page needs: pip install "etbench[ui]"', stage="ui") from error
    if not is_loopback(args.host) and not args.token:
        raise EtbenchError(
            f"--host {args.host}: other machines could start runs here; add --token, or set {TOKEN_VARIABLE}",
            stage="ui",
        )
    if args.token and len(args.token) < LEAST_TOKEN:
        raise EtbenchError(
            f"--token: {len(args.token)} characters can be guessed; use at least {LEAST_TOKEN}", stage="ui"
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
            f"--port {args.port}: {error.strerror}; use another port, or 0 for a free one", stage="ui"
        ) from error
    return 0
