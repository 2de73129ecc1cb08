"""Real photographs and sentences that need no network, and sentences spoken by a synthesizer."""

from __future__ import annotations

from etbench.data.images import crops, image_paths, photographs, sample
from etbench.data.speech import spoken
from etbench.data.text import sentences

__all__ = ["crops", "image_paths", "photographs", "sample", "sentences", "spoken"]
