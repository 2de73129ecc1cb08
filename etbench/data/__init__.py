"""Real photographs and sentences that need no network: for inputs, calibration and batch-norm statistics."""

from __future__ import annotations

from etbench.data.images import crops, photographs
from etbench.data.text import sentences

__all__ = ["crops", "photographs", "sentences"]
