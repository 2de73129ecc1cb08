"""Load a model and prepare its inputs; the counterpart of `conf/model`."""

from __future__ import annotations

from etbench.models.loading import LoadedModel, load

__all__ = ["LoadedModel", "load"]
