"""A module of a user that cannot be imported, since it needs a package that is not installed."""

from __future__ import annotations

import no_such_package


def model() -> None:
    no_such_package.run()
