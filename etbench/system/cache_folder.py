"""Where etbench keeps what later runs use again: built programs and managed environments."""

from __future__ import annotations

import os
from pathlib import Path

from etbench.errors import EtbenchError

__all__ = ["cache_folder"]


def cache_folder(configured: str | None = None) -> Path:
    """Return the cache folder: the configured one, else ``ETBENCH_CACHE``, else the user's cache folder.

    Raises:
        EtbenchError: if it is in the home of a user that does not exist.

    """
    chosen = configured or os.environ.get("ETBENCH_CACHE")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError:
            raise EtbenchError(
                f"{chosen}: there is no such user; name another folder", stage="cache"
            ) from None
    import platformdirs  # not on a device, which imports this package and has no cache

    return Path(platformdirs.user_cache_dir("etbench"))
