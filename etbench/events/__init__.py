"""The events that a run reports."""

from __future__ import annotations

from etbench.events.event import Event, OnEvent, Stages, explained
from etbench.events.failure import Failure

__all__ = ["Event", "Failure", "OnEvent", "Stages", "explained"]
