"""The events that a run reports."""

from __future__ import annotations

from etbench.events.event import Event, OnEvent, Stages
from etbench.events.failure import Failure
from etbench.events.translation import explained

__all__ = ["Event", "Failure", "OnEvent", "Stages", "explained"]
