"""Small masked decoders and what they are given."""

from __future__ import annotations

import torch
from torch import nn

from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.structures import PixelFeatures
from tests.weights import randomise

QUERIES, WIDTH, HEADS = 6, 32, 4


def pixel_features(
    sizes=((2, 3), (4, 6), (8, 12)), widths=(WIDTH,) * 3, dtype=torch.float32
):
    """Two images with memories of these sizes and mask features of 16 x 24 cells."""
    generator = torch.Generator().manual_seed(1)
    memories = [
        torch.randn(2, width, *size, generator=generator, dtype=dtype)
        for size, width in zip(sizes, widths, strict=True)
    ]
    mask_features = torch.randn(2, 8, 16, 24, generator=generator, dtype=dtype)
    return PixelFeatures(mask_features, tuple(memories))


def untrained_decoder(widths=(WIDTH,) * 3, num_layers=4, **options):
    torch.manual_seed(0)
    settings = dict(num_queries=QUERIES, embed_dim=WIDTH, num_heads=HEADS, ffn_dim=64)
    return MaskedTransformerDecoder(
        widths, num_layers=num_layers, **settings, **options
    )


def random_decoder(*args, **options):
    return randomise(untrained_decoder(*args, **options))


def mask_head():
    torch.manual_seed(2)
    return nn.Linear(WIDTH, 8)
