"""Messages to and from the process that profiles two interleaved programs; imports no torch."""

from __future__ import annotations

from msgspec import Struct

from etbench.measure.pass_results import Profile
from etbench.measure.protocol import MeasureRequest, Round

__all__ = ["ProfileBlock", "ProfileRequest", "Profiles"]


class ProfileRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for blocks in which each subject has one timed round and one profiled round.

    No block begins after `max_seconds`.
    """

    measure: MeasureRequest
    blocks: int
    max_seconds: float


class ProfileBlock(Struct, frozen=True, kw_only=True):
    """A block: for each subject, in their order, its timed round and its profile."""

    rounds: list[Round]
    profiles: list[Profile]


class Profiles(Struct, frozen=True, kw_only=True):
    """All blocks."""

    blocks: list[ProfileBlock]
