"""How long earlier builds took, to start the longest first and to estimate when a sweep will finish."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import msgspec
from filelock import FileLock

from etbench.system.files import replace_file
from etbench.system.reading import read_file
from etbench.system.strict_json import decode_json

__all__ = ["BuildTimes"]

KEPT = 10_000

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class BuildTimes:
    """Seconds of the last build by name, in a small file of the cache folder, which is safe to delete."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "build_times.json"
        self.seconds = self._read()

    def expected(self, name: str) -> float | None:
        """Return how long the last build of this name took, or None if there was none."""
        return self.seconds.get(name)

    def record(self, name: str, seconds: float) -> None:
        """Store how long the build of this name took."""
        self.seconds[name] = seconds
        with contextlib.suppress(OSError), FileLock(self.path.with_suffix(".lock"), timeout=5):
            merged = self._read() | {name: round(seconds, 3)}
            while len(merged) > KEPT:
                del merged[next(iter(merged))]
            replace_file(self.path, msgspec.json.encode(merged))

    def _read(self) -> dict[str, float]:
        try:
            return decode_json(read_file(self.path), dict[str, float])
        except (OSError, msgspec.DecodeError):
            return {}
