"""Load a model and know how to feed it; the counterpart of `conf/model`."""

from __future__ import annotations

from etbench.models.loading import LoadedModel, load

__all__ = ["LoadedModel", "load"]
