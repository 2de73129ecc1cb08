"""Accuracy on a data set of the user; the counterpart of `conf/evaluate`.

An evaluation is a callable that gets a `BuiltProgram` as ``program`` and the options of its YAML, and returns
a dict of figures by name. It runs in a separate process before the timing; if it fails, the cell fails.
"""

from __future__ import annotations

from etbench.evaluate.classification import top1
from etbench.evaluate.program import BuiltProgram

__all__ = ["BuiltProgram", "top1"]
