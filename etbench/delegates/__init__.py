"""What executes which part of the program; the counterpart of `conf/delegate`.

A delegate is a callable that returns the partitioners for lowering, or an `OtherRuntime` if ExecuTorch does
not run the program at all.
"""

from __future__ import annotations

from etbench.delegates.accelerators import coreml, openvino, vulkan, webgpu
from etbench.delegates.cpu import portable, xnnpack
from etbench.delegates.reference import OtherRuntime, eager, inductor, onnxruntime

__all__ = [
    "OtherRuntime",
    "coreml",
    "eager",
    "inductor",
    "onnxruntime",
    "openvino",
    "portable",
    "vulkan",
    "webgpu",
    "xnnpack",
]
