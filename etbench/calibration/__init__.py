"""Real data for a model; the counterpart of `conf/calibration`."""

from __future__ import annotations

from etbench.calibration.batches import Batches, read_batches

__all__ = ["Batches", "read_batches"]
