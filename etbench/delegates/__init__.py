"""What executes which part of the program; the counterpart of `conf/delegate`.

A delegate is a callable that returns the partitioners for lowering, or an `OtherRuntime` if ExecuTorch does
not run the program at all.
"""

from __future__ import annotations

from etbench.delegates.accelerators import coreml, openvino, vulkan, webgpu
from etbench.delegates.cpu import portable, xnnpack
from etbench.delegates.other_runtime import OtherRuntime, ToWrite
from etbench.delegates.pytorch import eager, inductor
from etbench.delegates.runtimes import onnxruntime, openvino_native
from etbench.delegates.tflite import litert

__all__ = [
    "OtherRuntime",
    "ToWrite",
    "coreml",
    "eager",
    "inductor",
    "litert",
    "onnxruntime",
    "openvino",
    "openvino_native",
    "portable",
    "vulkan",
    "webgpu",
    "xnnpack",
]
