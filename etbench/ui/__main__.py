"""`python -m etbench.ui`: the web page on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from etbench.errors import ConfigError

__all__ = ["main"]

TOKEN_VARIABLE = "ETBENCH_UI_TOKEN"


def main(argv: list[str] | None = None) -> int:
    """Read the command line and serve the page; 2 if that is not possible."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        from etbench.ui.pages import add_pages
        from etbench.ui.security import LEAST_TOKEN, is_loopback
        from etbench.ui.server import Settings, serve
    except ImportError as error:
        parser.error(f'{error}; the page needs: pip install "etbench[ui]"')
    if not is_loopback(args.host) and not args.token:
        parser.error(
            f"--host {args.host}: others could start runs here; add --token, or set {TOKEN_VARIABLE}"
        )
    if args.token and len(args.token) < LEAST_TOKEN:
        parser.error(f"--token: {len(args.token)} characters can be guessed; take {LEAST_TOKEN} at least")
    if args.config_dir and not args.config_dir.is_dir():
        parser.error(f"--config-dir {args.config_dir}: no such folder")
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
        sys.stderr.write(f"--port {args.port}: {error.strerror}; take another one, or 0 for any\n")
        return 2
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m etbench.ui", description="A page to run, compare and inspect, on this machine alone."
    )
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
