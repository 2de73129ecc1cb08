"""What a precision quantized of a program, and what it left in float, in words."""

from __future__ import annotations

from etbench.artifact import MixedBlock, MixedBlocks, Quantized
from etbench.text import and_more, percent

__all__ = ["float_layers", "mixed_words", "quantized_words"]

MOST = 5
LEAST_SHARE = 0.0005  # of the multiply-accumulates, which is written as 0.1 %


def quantized_words(quantized: Quantized) -> str:
    """Write the quantized shares and the layers in float.

    >>> quantized_words(
    ...     Quantized(
    ...         macs=8,
    ...         macs_share=0.75,
    ...         weights_share=0.5,
    ...         operators={},
    ...         operators_in_float={},
    ...         layers_in_float={"head": 0.25, "table": 0.0},
    ...     )
    ... )
    '75 % of the multiply-accumulates, 50 % of the weights; in float: head (25 %), table'
    """
    shares = {"multiply-accumulates": quantized.macs_share, "weights": quantized.weights_share}
    known = [f"{_share(share)} of the {what}" for what, share in shares.items() if share is not None]
    layers = float_layers(quantized)
    return "; ".join(filter(None, (", ".join(known), layers and f"in float: {layers}")))


def mixed_words(mixed: MixedBlocks) -> str:
    """Write which blocks stay in fp32, each with the SQNR of a model in which it alone is converted.

    >>> first = MixedBlock(name="layer1.0", modules=["layer1.0"], alone_db=14.25, kept=True)
    >>> second = MixedBlock(name="fc", modules=["fc"], alone_db=None, kept=False)
    >>> mixed_words(MixedBlocks(blocks=[first, second], sqnr_db=20.5))
    '1 of 2 blocks in fp32: layer1.0 (14.2 dB if only it is converted); the mix has 20.5 dB in PyTorch'
    """
    kept = [block for block in mixed.blocks if block.kept]
    which = and_more(map(_block_words, kept), MOST)
    count = f"{len(kept)} of {len(mixed.blocks)} blocks in fp32" + (f": {which}" if which else "")
    return count + (f"; the mix has {mixed.sqnr_db:.1f} dB in PyTorch" if mixed.sqnr_db is not None else "")


def _block_words(block: MixedBlock) -> str:
    alone = f" ({block.alone_db:.1f} dB if only it is converted)" if block.alone_db is not None else ""
    return f"{block.name}{alone}"


def float_layers(quantized: Quantized) -> str:
    """Write the largest layers in float, each with its share of the multiply-accumulates."""
    return and_more(
        (
            f"{name} ({_share(share)})" if share and share >= LEAST_SHARE else name
            for name, share in quantized.layers_in_float.items()
        ),
        MOST,
    )


def _share(share: float) -> str:
    """Write a share in percent; it is 0 or 100 only if it is exactly so.

    >>> [_share(share) for share in (0.0, 0.00001, 0.257, 0.99999, 1.0)]
    ['0 %', '0.1 %', '25.7 %', '99.9 %', '100 %']
    """
    if share in (0.0, 1.0):
        return percent(share)
    return percent(min(max(share, 0.001), 0.999))
