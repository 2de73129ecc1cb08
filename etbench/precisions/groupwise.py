"""4-bit weights in groups with dynamic 8-bit activations, for linear layers: the format of small decoders."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, PerGroup, quantize_
from torchao.utils import unwrap_tensor_subclass

from etbench.errors import NotApplicableError
from etbench.precisions.conversion import Conversion, require_float32
from etbench.precisions.skip import kept_modules

__all__ = ["int4_groupwise"]


def int4_groupwise(*, group_size: int, keep_fp32: list[str] | None = None) -> Conversion:
    """Return a conversion of the linear layers; everything else stays fp32.

    Args:
        group_size: how many weights of a row share a scale. A layer stays fp32 if this does not divide its
            input size.
        keep_fp32: module-name patterns that stay fp32, see `etbench.precisions.skip`.

    """

    def before_export(module: nn.Module) -> nn.Module:
        require_float32(module.parameters())
        layers = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
        kept = kept_modules(keep_fp32 or [], [name for name, _ in module.named_modules()], layers)

        def fits(part: nn.Module, name: str) -> bool:
            # Attention of torch uses the weight of its last layer, which has this class, without the layer.
            if not isinstance(part, nn.Linear) or isinstance(part, NonDynamicallyQuantizableLinear):
                return False
            return not part.in_features % group_size and not kept(name)

        if not any(fits(part, name) for name, part in module.named_modules()):
            raise NotApplicableError(
                f"weights in groups are for linear layers, and precision.group_size={group_size} divides the "
                "input size of none in this model; use int8 for a network of convolutions",
                stage="quantize",
            )
        scheme = Int8DynamicActivationIntxWeightConfig(
            weight_dtype=torch.int4,  # type: ignore[attr-defined]  # made when torch is loaded
            weight_granularity=PerGroup(group_size),
        )
        quantize_(module, scheme, filter_fn=fits)
        return unwrap_tensor_subclass(module)  # type: ignore[no-any-return]

    return Conversion(before_export=before_export, quantizes=True)
