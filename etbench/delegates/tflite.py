"""LiteRT: its converter runs in a Python of its own, see `etbench.delegates.litert_conversion`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from etbench.delegates.other_runtime import OtherRuntime, Quantization, ToWrite, written_in_int8
from etbench.delegates.unfolding import unfolded
from etbench.environments import interpreter, provider
from etbench.errors import EtbenchError

__all__ = ["converter", "litert", "quantized_layers"]

SCRIPT = Path(__file__).with_name("litert_conversion.py")
ENVIRONMENT = "litert"  # that `etbench env create litert` makes
LAST_LINES = 5  # of what the converter printed
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def litert(*, converter_python: str | None = None, quantization: Quantization = "auto") -> OtherRuntime:
    """Return a writer of a `.tflite` model.

    Args:
        converter_python: a Python that has litert-torch, see `converter`.
        quantization: of a quantized program: ``same`` keeps it, ``own`` lets LiteRT's quantizer quantize the
            fp32 model on the same calibration data, ``auto`` does so if LiteRT does not take the program.

    """
    python = converter(converter_python)

    def write(given: ToWrite, path: Path) -> str | None:
        if not given.quantized:
            _convert(python, given.program, path, "fp32")
            return None
        return written_in_int8(
            given,
            quantization,
            same=lambda: _convert_quantized(python, unfolded(given.program), path, "same"),
            own=lambda: _convert_quantized(python, given.original, path, "own", given),
        )

    return OtherRuntime(write)


def converter(option: str | None) -> Path:
    """Return the Python that runs the converter.

    It is the one that the option names (see `etbench.environments.interpreter`), or else this one if it has
    litert-torch, or the managed environment ``litert``.
    """
    found = provider(option, None, "litert_torch", ENVIRONMENT)
    return Path(sys.executable if found is None else interpreter(found))


def _convert_quantized(
    python: Path, program: ExportedProgram, path: Path, how: str, calibrated: ToWrite | None = None
) -> None:
    """Convert a program into one of integers, and refuse what came out in float.

    LiteRT's converter ends well on a program whose conversions it has not understood (litert-torch 0.10.0):
    the weights are then stored in float, and the conversions run one by one.

    Raises:
        EtbenchError: of stage ``lower``.

    """
    _convert(python, program, path, how, calibrated)
    if not quantized_layers(path):
        raise EtbenchError("the converter has left the weights of all layers in float", stage="lower")


def quantized_layers(path: Path) -> int:
    """Return how many layers of a `.tflite` model have integer weights."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # which would hide the layers
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
    dtypes = {tensor["index"]: np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    return sum(
        dtypes[layer["inputs"][1]].kind == "i"
        for layer in interpreter._get_ops_details()
        if layer["op_name"] in LAYERS
    )


def _convert(
    python: Path, program: ExportedProgram, path: Path, how: str, calibrated: ToWrite | None = None
) -> None:
    """Run the converter in its Python.

    Raises:
        EtbenchError: of stage ``lower``, with the end of what it printed.

    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "program.pt2"
        with torch.no_grad():
            torch.export.save(program, source)
        if calibrated:
            batches = enumerate(calibrated.batches)
            arrays: dict[str, Any] = {
                f"{number}.{n}": tensor.numpy() for number, batch in batches for n, tensor in enumerate(batch)
            }
            np.savez(Path(scratch) / "calibration.npz", **arrays)
        done = subprocess.run(
            [python, SCRIPT, source, path, how], capture_output=True, text=True, errors="replace", check=False
        )
    if done.returncode or not path.is_file() or not path.stat().st_size:
        said = (done.stderr.strip().splitlines() or ["no output"])[-LAST_LINES:]
        raise EtbenchError(
            f"LiteRT's converter failed in {python}: {said[-1]}",
            stage="lower",
            hint="`etbench env create litert` makes a Python that has litert-torch",
            log=said,
        )
