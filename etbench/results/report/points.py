"""What a summary consists of."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Point"]


class Point(Struct, frozen=True, kw_only=True):
    """A title and one or more plain sentences; the kind decides how it stands out."""

    title: str
    kind: Literal["good", "note", "warning", "bad"]
    lines: list[str]
