"""Measure artifacts in fresh processes that do nothing else."""

from __future__ import annotations

from etbench.measure.protocol import Decide, Round, Series, Subject
from etbench.measure.session import Listener, measure, measure_series

__all__ = ["Decide", "Listener", "Round", "Series", "Subject", "measure", "measure_series"]
