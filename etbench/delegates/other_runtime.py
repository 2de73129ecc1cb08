"""A delegate whose programs another runtime than ExecuTorch executes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor
from torch.export import ExportedProgram

from etbench.config.sections import Precision
from etbench.errors import NotApplicableError

__all__ = ["OtherRuntime", "Quantization", "ToWrite", "written_in_int8"]

Quantization = Literal["same", "own", "auto"]
STATIC = ("int8", "int8_per_tensor")


@dataclass(frozen=True)
class ToWrite:
    """A model that is written in the format of another runtime.

    Args:
        program: in its precision.
        original: the fp32 program that it was made from.
        batches: the inputs that the precision was calibrated on, or one example.
        precision: its section of the YAML.
        quantized: whether the precision turns floats into integers.

    """

    program: ExportedProgram
    original: ExportedProgram
    batches: Sequence[tuple[Tensor, ...]]
    precision: Precision
    quantized: bool


@dataclass(frozen=True)
class OtherRuntime:
    """What a delegate returns whose programs ExecuTorch does not run.

    Args:
        write: writes the program into a file. If the runtime has quantized the model itself, with other
            scales than those of the precision, it returns why.

    """

    write: Callable[[ToWrite, Path], str | None]


def written_in_int8(
    given: ToWrite,
    how: Quantization,
    *,
    same: Callable[[], None],
    own: Callable[[], None],
    needs: str = "",
    install: str = "",
) -> str | None:
    """Write a quantized program, with its own scales if that is wanted and possible.

    Args:
        given: the model.
        how: ``same`` writes the scales of the precision, ``own`` lets the runtime choose them on the same
            calibration data, ``auto`` does so if the runtime does not take those of the precision.
        same: writes the program as the precision made it.
        own: quantizes the fp32 program and writes it.
        needs: the package that `own` needs.
        install: how to install it.

    Returns:
        Why the scales are the runtime's own; None if they are those of the precision.

    Raises:
        NotApplicableError: of stage ``lower`` if the runtime cannot quantize so, or the package is missing.

    """
    reason = "delegate.quantization=own"
    if how != "own":
        try:
            same()
        except Exception as error:  # whatever a converter raises
            reason = f"the runtime does not take the precision's scales: {_first_line(error)}"
            if how == "same" or given.precision.name not in STATIC:
                raise
        else:
            return None
    if given.precision.name not in STATIC or given.precision.options.get("keep_fp32"):
        raise NotApplicableError(
            f"delegate.quantization=own quantizes a whole model in static int8, and not as "
            f"precision={given.precision.name}"
            + (" with keep_fp32" if given.precision.options.get("keep_fp32") else ""),
            stage="lower",
        )
    if needs and importlib.util.find_spec(needs) is None:
        raise NotApplicableError(
            f"{reason}; the package {needs!r} is not installed: {install}", stage="lower"
        )
    own()
    return reason


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
