"""Convert an exported program to LiteRT; runs as a script in a Python that has litert-torch, not etbench.

``python litert_conversion.py PROGRAM.pt2 MODEL.tflite fp32|same|own``; for ``own``, the calibration batches
are in ``calibration.npz`` beside the program, as arrays ``{batch}.{input}``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators of quantized programs


def convert(source: Path, target: Path, how: str) -> None:
    """Convert a program: as it is, with its integers, or quantized by LiteRT's own quantizer."""
    import litert_torch

    program = torch.export.load(source)
    inputs, _ = program.example_inputs
    config = {"quant_config": _quantized()} if how == "same" else {}
    module = program.module()
    for part in module.modules():
        part.training = False  # an exported module has no `eval`
    litert_torch.convert(module, inputs, **config).export(str(target))
    if how == "own":
        _quantize(target, np.load(source.with_name("calibration.npz")))


def _quantized() -> Any:
    """Return the sign that the program is quantized; its scales are used, not those of a new quantizer."""
    from litert_torch.quantize import pt2e_quantizer, quant_config

    scheme = pt2e_quantizer.get_symmetric_quantization_config(is_per_channel=True, is_dynamic=False)
    return quant_config.QuantConfig(pt2e_quantizer=pt2e_quantizer.PT2EQuantizer().set_global(scheme))


def _quantize(path: Path, arrays: Any) -> None:
    """Quantize a model in place, in static int8, with inputs and outputs as they are."""
    from ai_edge_quantizer import quantizer, recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    count = len({name.partition(".")[0] for name in arrays.files})
    width = len(arrays.files) // count
    one = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
    for name in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        one.update_quantization_recipe(
            regex=".*", operation_name=name, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    batches = [
        {f"args_{n}": _narrowed(arrays[f"{batch}.{n}"]) for n in range(width)} for batch in range(count)
    ]
    calibrated = one.calibrate({"serving_default": batches})
    one.quantize(calibrated).export_model(str(path), overwrite=True)


def _narrowed(array: Any) -> Any:
    return array.astype(np.int32) if array.dtype == np.int64 else array


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
