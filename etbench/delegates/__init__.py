"""What executes which part of the program; the counterpart of `conf/delegate`.

A delegate is a callable that returns the partitioners for lowering, or a `PyTorchProgram` if ExecuTorch
does not run the program at all.
"""

from __future__ import annotations

from etbench.delegates.accelerators import coreml, openvino, vulkan, webgpu
from etbench.delegates.cpu import portable, xnnpack
from etbench.delegates.reference import PyTorchProgram, eager, inductor

__all__ = [
    "PyTorchProgram",
    "coreml",
    "eager",
    "inductor",
    "openvino",
    "portable",
    "vulkan",
    "webgpu",
    "xnnpack",
]
