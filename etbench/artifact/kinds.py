"""The kind of an operator, alike for a graph, the portable kernels and XNNPACK, which name it differently."""

from __future__ import annotations

import re

__all__ = ["CALLS", "COPIES", "ONLY_COPY", "PRODUCTS", "kind_of"]

# What only moves or converts values; at the border of a subgraph these are what the border costs.
COPIES = "copies and conversions"
# Operators of a graph that return their input, possibly in another layout or dtype.
ONLY_COPY = frozenset(
    {
        "aten._to_copy.default",
        "aten.clone.default",
        "dim_order_ops._clone_dim_order.default",
        "dim_order_ops._to_dim_order_copy.default",
    }
)
PRODUCTS = ("convolution", "linear")  # XNNPACK runs a convolution of one pixel as a linear layer
CALLS = "calls of delegates"  # beyond the operators that they report
_INSTANCE = re.compile(r"\s*#\d+$")
_TYPES = re.compile(r"\s*\([^)]*\)")
_KERNELS = re.compile(r"( (igemm|gemm|dwconv|spmm|reduce2?|vmulcaddc|unipass|multipass|\d\w*))+$")
_ALIKE = {
    **dict.fromkeys(("fully connected", "dynamic fully connected", "addmm", "mm"), "linear"),
    **dict.fromkeys(("batch matrix multiply", "bmm", "baddbmm"), "matmul"),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "deconvolution"), "convolution"),
    **dict.fromkeys(("hardtanh", "relu", "relu6", "minimum", "maximum"), "clamp"),
    **dict.fromkeys(
        (
            *("convert", "copy", "clone", "transpose", "permute", "permute_copy", "to_copy"),
            *("to_dim_order_copy", "clone_dim_order", "quantize", "dequantize", "t_copy", "transpose_copy"),
            *("contiguous", "alias_copy", "expand_copy"),
        ),
        COPIES,
    ),
    **dict.fromkeys(("view_copy", "static reshape", "view", "reshape", "et_view"), "reshape"),
    "call of the delegate": CALLS,
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "negate": "neg",
    "cosine": "cos",
    "sine": "sin",
    "square root": "sqrt",
    "reciprocal square root": "rsqrt",
    "square": "pow",
    "constant pad": "constant_pad_nd",
    "max pooling": "max_pool2d",
    "max_pool2d_with_indices": "max_pool2d",
    "average pooling": "avg_pool2d",
    "resize bilinear": "upsample_bilinear2d",
    "concatenate": "cat",
    "slice": "slice_copy",
}


def kind_of(name: str) -> str:
    """Return the kind of an operator.

    >>> kind_of("Convolution (NHWC, QC8) DWConv #3"), kind_of("aten.convolution.default")
    ('convolution', 'convolution')
    >>> kind_of("Fully Connected (NC, F32) GEMM #1"), kind_of("addmm.out")
    ('linear', 'linear')
    >>> kind_of("_clone_dim_order.out"), kind_of("native_layer_norm.out"), kind_of("Mean (ND) Reduce2 #1")
    ('copies and conversions', 'native_layer_norm', 'mean')
    """
    plain = _TYPES.sub("", _INSTANCE.sub("", name)).strip()
    if "." in plain:
        parts = plain.split(".")
        plain = parts[-2]
    plain = _KERNELS.sub("", plain.lower()).lstrip("_")
    if plain.startswith(("quantize_", "dequantize_", "choose_qparams")):
        plain = "quantize"
    return _ALIKE.get(plain, plain)
