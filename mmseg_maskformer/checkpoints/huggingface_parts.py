"""Which networks of ours Hugging Face's transformers has: the others are refused.

Tensors of a variant may have the names and shapes of theirs, and give other outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from .layout import MASK2FORMER, MASKFORMER

_PIXEL_DECODERS = {
    MASKFORMER: "FPNPixelDecoder",
    MASK2FORMER: "MSDeformAttnPixelDecoder",
}


def check_network(network: Any, family: str) -> None:
    """Refuse parts that their models have not.

    Args:
        network: of a head.
        family: "MaskFormer" or "Mask2Former".

    Raises:
        ValueError: There is one.
    """
    variant = (
        not hasattr(network, "class_head")  # per-pixel
        or getattr(network, "box_head", None) is not None
        or any(
            layer.self_attention is None for layer in network.transformer_decoder.layers
        )
    )
    if variant:
        raise ValueError(
            "transformers has MaskFormer and Mask2Former with self-attention among "
            "queries and without boxes only; per-pixel models and other variants "
            "cannot be written."
        )
    _check_pixels(network.pixel_decoder, family)
    if family == MASK2FORMER:
        _check_masked(network.pixel_decoder, network.transformer_decoder)


def _check_pixels(pixels: Any, family: str) -> None:
    """Refuse another pixel decoder than theirs, and other settings of it."""
    kind, wanted = type(pixels).__name__, _PIXEL_DECODERS[family]
    if kind != wanted:
        raise ValueError(
            f"transformers has {family} with {wanted} only; a model with {kind} cannot "
            "be written."
        )
    norm = next(x for x in pixels.modules() if isinstance(x, nn.GroupNorm))
    found = dict(num_groups=norm.num_groups)
    if family == MASKFORMER:
        found["multi_scale_memory"] = pixels.multi_scale_memory
    usual = dict(num_groups=32, multi_scale_memory=False)
    _check_usual(family, "pixel_decoder", found, usual)


def _check_masked(pixels: Any, decoder: Any) -> None:
    """Refuse a decoder that reads the memories in another way than theirs."""
    usual = dict(
        attention="masked",
        levels=(0, 1, 2),
        joined_levels=False,
        content="supervised",
        cross_first=True,
    )
    found = {key: getattr(decoder, key) for key in usual}
    _check_usual(MASK2FORMER, "transformer_decoder", found, usual)
    num_heads = decoder.layers[0].cross_attention.attention.num_heads
    samples = pixels.encoder.attention[0].attention.samples
    if samples != (num_heads, 3, 4):
        raise ValueError(
            "transformers has one num_heads for both decoders and num_points=4; a "
            f"pixel decoder with {samples[0]} heads and {samples[2]} points beside a "
            f"transformer decoder with {num_heads} heads cannot be written."
        )


def _check_usual(
    family: str, part: str, found: Mapping[str, Any], usual: Mapping[str, Any]
) -> None:
    for key, value in found.items():
        if value != usual[key]:
            raise ValueError(
                f"transformers has {family} with {key}={usual[key]!r} only; a model "
                f"with {part}.{key}={value!r} cannot be written."
            )
