"""Other runtimes than ExecuTorch and PyTorch: the same exported program, weights and calibration data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from etbench.artifact.openvino_file import pack_model
from etbench.delegates.other_runtime import OtherRuntime, Quantization, ToWrite, written_in_int8
from etbench.delegates.unfolding import unfolded

__all__ = ["onnxruntime", "openvino_native"]

ATTENTION = ("layer_norm", "scaled_dot_product_attention")  # operators of a transformer


def onnxruntime(*, quantization: Quantization = "same") -> OtherRuntime:
    """Return a writer of an ONNX model, with the weights inside.

    Args:
        quantization: of a quantized program: ``same`` keeps it, as QuantizeLinear and DequantizeLinear;
            ``own`` lets ONNX Runtime quantize the fp32 model, which may be faster.

    """

    def write(given: ToWrite, path: Path) -> str | None:
        if not given.quantized:
            _write_onnx(given.program, path)
            return None
        return written_in_int8(
            given,
            quantization,
            same=lambda: _write_onnx(given.program, path),
            own=lambda: _quantize_onnx(given, path),
        )

    return OtherRuntime(write)


def _write_onnx(program: ExportedProgram, path: Path) -> None:
    with torch.no_grad():
        converted = torch.onnx.export(program, dynamo=True, verbose=False)
    assert converted is not None  # it is None only if it is written directly
    converted.save(path, external_data=False)


def _quantize_onnx(given: ToWrite, path: Path) -> None:
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it publishes no types
        def __init__(self, batches: Iterator[dict[str, Any]]) -> None:
            self._batches = batches

        def get_next(self) -> dict[str, Any] | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as scratch:
        original = Path(scratch) / "original.onnx"
        _write_onnx(given.original, original)
        names = [one.name for one in InferenceSession(original).get_inputs()]
        quantize_static(
            original,
            path,
            Reader(dict(zip(names, arrays, strict=True)) for arrays in map(_arrays, given.batches)),
            quant_format=QuantFormat.QDQ,
            per_channel=given.precision.options["per_channel"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def openvino_native(*, quantization: Quantization = "auto") -> OtherRuntime:
    """Return a writer of OpenVINO's own format, with weights as they are and inputs of fixed shapes.

    Args:
        quantization: of a quantized program: ``same`` keeps it, ``own`` lets NNCF quantize the fp32 model on
            the same calibration data, ``auto`` does so if OpenVINO does not take the program.

    """

    def write(given: ToWrite, path: Path) -> str | None:
        if not given.quantized:
            _write_openvino(_openvino_model(given.program), path)
            return None
        return written_in_int8(
            given,
            quantization,
            same=lambda: _write_openvino(_openvino_model(unfolded(given.program)), path),
            own=lambda: _write_openvino(_quantized_by_nncf(given), path),
            needs="nncf",
            install='pip install "etbench[openvino-native]"',
        )

    return OtherRuntime(write)


def _openvino_model(program: ExportedProgram) -> Any:
    """Return the program as OpenVINO's graph; without a reshape, all its sizes would be open."""
    import openvino

    model = openvino.convert_model(program)
    shapes = [value.shape for value in _given_to(program)]
    model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    return model


def _given_to(program: ExportedProgram) -> list[Tensor]:
    assert program.example_inputs is not None  # `torch.export.export` keeps them
    return [value for value in program.example_inputs[0] if isinstance(value, Tensor)]


def _write_openvino(model: Any, path: Path) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.xml"
        openvino.save_model(model, graph, compress_to_fp16=False)
        pack_model(graph, graph.with_suffix(".bin"), path)


def _quantized_by_nncf(given: ToWrite) -> Any:
    import nncf

    calls = [str(node.target) for node in given.original.graph.nodes]
    transformer = any(name in call for call in calls for name in ATTENTION)
    return nncf.quantize(
        _openvino_model(given.original),
        nncf.Dataset(given.batches, _arrays),
        model_type=nncf.ModelType.TRANSFORMER if transformer else None,
        subset_size=len(given.batches),
    )


def _arrays(batch: Sequence[Tensor]) -> list[Any]:
    return [tensor.numpy() for tensor in batch]
