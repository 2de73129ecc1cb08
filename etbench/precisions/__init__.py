"""Convert a model to fp32, fp16, bf16, int8 or int4; the counterpart of `conf/precision`.

A precision is a callable that returns a `Conversion`: what is done to the module before its export, to
the program after it, or both.
"""

from __future__ import annotations

from etbench.precisions.conversion import Conversion, Shown, cast_inputs, convert
from etbench.precisions.float import cast, fp32
from etbench.precisions.groupwise import int4_groupwise
from etbench.precisions.integer import int8

__all__ = ["Conversion", "Shown", "cast", "cast_inputs", "convert", "fp32", "int4_groupwise", "int8"]
