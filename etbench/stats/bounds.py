"""The ranges of numbers in files: values outside are not measurements, or break computations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = ["Bound", "Count", "Duration", "Ms", "Ratio", "Samples", "Share", "Whole"]

MOST = 2**63 - 1

Ms = Annotated[float, Meta(ge=1e-9, le=1e12)]  # a latency, up to 30 years
Bound = Annotated[float, Meta(gt=0)]  # of an interval, which may be very wide
Ratio = Annotated[float, Meta(ge=0)]
Duration = Annotated[float, Meta(ge=0, le=1e12)]  # a time that a coarse clock may give as 0
Samples = Annotated[list[Ms], Meta(min_length=1)]  # of one round
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Whole = Annotated[int, Meta(ge=-MOST, le=MOST)]
