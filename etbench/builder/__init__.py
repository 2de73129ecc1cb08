"""Build artifacts from recipes: `.pte` files, and the references they are compared with."""

from __future__ import annotations

from etbench.artifact import Artifact, Delegation
from etbench.builder.asking import build
from etbench.builder.cache import Cache
from etbench.builder.pool import Built, Job, OnJobDone, OnJobEvent, build_all

__all__ = ["Artifact", "Built", "Cache", "Delegation", "Job", "OnJobDone", "OnJobEvent", "build", "build_all"]
