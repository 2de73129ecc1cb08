"""Accuracy on a data set of the user; the counterpart of `conf/evaluate`.

An evaluation is a callable that gets a `BuiltProgram` as ``program`` and the options of its YAML, and returns
a dict of figures by name: numbers, or a `PerItem`, whose figure is the share of items that are right. It runs
in a separate process before the timing, which uses none of its data; if it fails, the cell fails.
"""

from __future__ import annotations

from etbench.evaluate.classification import top1
from etbench.evaluate.items import PerItem
from etbench.evaluate.language import perplexity
from etbench.evaluate.program import BuiltProgram
from etbench.evaluate.segmentation import miou

__all__ = ["BuiltProgram", "PerItem", "miou", "perplexity", "top1"]
