"""Delegates for specific hardware; each imports its own package when it is called."""

from __future__ import annotations

from typing import Any

__all__ = ["coreml", "openvino", "vulkan", "webgpu"]


def openvino(*, device: str) -> list[Any]:
    """Return OpenVINO's partitioner.

    Args:
        device: OpenVINO's name of it: ``CPU``, ``GPU`` or ``NPU``.

    """
    from executorch.backends.openvino.partitioner import OpenvinoPartitioner
    from executorch.exir.backend.backend_details import CompileSpec

    return [OpenvinoPartitioner([CompileSpec("device", device.encode())])]


def vulkan() -> list[Any]:
    """Return Vulkan's partitioner, for the GPUs of phones."""
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

    return [VulkanPartitioner()]


def webgpu() -> list[Any]:
    """Return WebGPU's partitioner, which works like Vulkan's."""
    from executorch.backends.webgpu.partitioner import WebGPUPartitioner

    return [WebGPUPartitioner()]


def coreml() -> list[Any]:
    """Return Core ML's partitioner, for Apple's CPUs, GPUs and Neural Engine."""
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    return [CoreMLPartitioner()]
