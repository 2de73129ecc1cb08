"""What a run reports while it goes on."""

from __future__ import annotations

from etbench.events.event import Event, OnEvent, Stages, explained

__all__ = ["Event", "OnEvent", "Stages", "explained"]
