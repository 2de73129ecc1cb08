"""Convert an exported model to a precision, as it is asked for or with more modules in fp32."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch.export import ExportedProgram

from etbench.config.component import instantiate
from etbench.config.sections import Precision
from etbench.precisions import Conversion, Shown, convert

__all__ = ["Converter"]


@dataclass(frozen=True)
class Converter:
    """A model and its precision.

    Args:
        precision: what it is converted to.
        module: the eager fp32 module, which stays as it is.
        program: its export.
        shown: the batches that the precision may use.

    """

    precision: Precision
    module: nn.Module
    program: ExportedProgram
    shown: Shown

    def conversion(self, kept: Sequence[str] = ()) -> Conversion:
        """Return the conversion that leaves more modules in fp32, given as patterns of `keep_fp32`."""
        options = self.precision.options
        if kept:
            options = options | {"keep_fp32": [*(options["keep_fp32"] or ()), *kept]}
        conversion: Conversion = instantiate(self.precision.target, options, stage="quantize")
        return conversion

    def convert(self, kept: Sequence[str] = ()) -> ExportedProgram:
        """Return the program in the precision, with more modules in fp32."""
        return convert(self.conversion(kept), self.module, _with_own_constants(self.program), self.shown)


def _with_own_constants(program: ExportedProgram) -> ExportedProgram:
    """Return the program with its own dictionary of constants.

    Lowering for Core ML and for Vulkan (executorch 1.5.1) empties the dictionary of its program, which the
    next precision or delegate needs. No other change of a program was observed.
    """
    own = copy.copy(program)
    own._constants = dict(program.constants)
    return own
