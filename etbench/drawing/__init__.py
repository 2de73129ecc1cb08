"""Draws Vega-Lite specifications as pictures, in a process of its own."""

from __future__ import annotations

from etbench.drawing.drawer import Drawer, Picture, shared_drawer

__all__ = ["Drawer", "Picture", "shared_drawer"]
