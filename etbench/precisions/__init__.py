"""Turn an exported program into fp32 or int8; the counterpart of `conf/precision`.

A precision is a callable that returns a function from an exported program and calibration batches to
an exported program.
"""

from __future__ import annotations

from etbench.precisions.float import fp32
from etbench.precisions.integer import int8

__all__ = ["fp32", "int8"]
