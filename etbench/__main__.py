"""`python -m etbench`, which is the program `etbench`."""

from __future__ import annotations

import sys

from etbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
