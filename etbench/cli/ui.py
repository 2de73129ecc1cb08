"""`ui`: start the web interface on this machine."""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.system.files import folder_fault

__all__ = ["configure", "run"]

TOKEN_VARIABLE = "ETBENCH_UI_TOKEN"
AUTO = "auto"
PORTS = range(65_536)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = "It runs cells, and compares and inspects results."
    parser.add_argument(
        "--port", type=_port, default=8765, help="port of the page, or 0 for a free one (default: 8765)"
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
        "--public-url",
        metavar="URL",
        help="address under which a proxy with TLS serves the page, such as https://bench.example.org; the "
        "proxy must pass on the Host header and websockets; needs --token",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"a secret that the browser must send, so that other users of this machine cannot use the page; "
        f"{AUTO} makes one and prints it. Others can read any other in the list of processes, so set it in "
        f"{TOKEN_VARIABLE} instead",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the page until it is stopped.

    Raises:
        EtbenchError: if the page cannot be served.

    """
    try:
        from etbench.ui.pages import add_pages
        from etbench.ui.security import is_loopback, origin_of
        from etbench.ui.server import Settings, serve
    except ImportError as error:
        raise EtbenchError(f'{error}; the page needs: pip install "etbench[ui]"', stage="ui") from error
    token = _token(args.token)
    os.environ.pop(TOKEN_VARIABLE, None)  # not for the runs, whose models are code of others
    try:
        public_url = None if args.public_url is None else origin_of(args.public_url)
    except ValueError as error:
        raise EtbenchError(f"--public-url {error}", stage="ui") from error
    if not token and (public_url or not is_loopback(args.host)):
        named = f"--public-url {args.public_url}" if public_url else f"--host {args.host}"
        raise EtbenchError(
            f"{named}: other machines could start runs here; add --token {AUTO}, or set {TOKEN_VARIABLE}",
            stage="ui",
        )
    if args.config_dir and not args.config_dir.is_dir():
        raise EtbenchError(f"--config-dir {args.config_dir}: no such folder", stage="ui")
    results = args.results or [Path("outputs")]
    for folder in results:
        if why := folder_fault(folder):
            raise EtbenchError(f"--results {folder}: {why}; name another folder", stage="ui")
    settings = Settings(
        host=args.host,
        port=args.port,
        token=token,
        browser=not args.no_browser,
        results=results,
        config_dir=args.config_dir,
        public_url=public_url,
    )
    serve(settings, add_pages)
    return 0


def _token(text: str | None) -> str | None:
    """Return the token, a new one for ``auto``; None for no token.

    Raises:
        EtbenchError: if it is too short, or has characters that cannot be typed.

    """
    from etbench.ui.security import LEAST_TOKEN

    if text is None:
        return None
    if text == AUTO:
        return secrets.token_urlsafe(24)
    if len(text) < LEAST_TOKEN:
        raise EtbenchError(
            f"--token: {len(text)} characters can be guessed; use at least {LEAST_TOKEN}, or {AUTO}",
            stage="ui",
        )
    if not text.isprintable():
        raise EtbenchError(f"--token: it has control characters or is not UTF-8; use {AUTO}", stage="ui")
    return text


def _port(text: str) -> int:
    """Read the number of a port."""
    if not (text.isascii() and text.isdigit() and int(text) in PORTS):
        raise argparse.ArgumentTypeError(f"{text}: expected a port, from 0 to {PORTS[-1]:,}")
    return int(text)
