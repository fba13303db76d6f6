"""What deformable attention is given."""

from __future__ import annotations

import torch

MAP_SHAPES = [(3, 5), (1, 7), (9, 2)]


def attention_inputs(shapes, seed=0, device="cpu", batch=2, width=4):
    """Values, locations (one in four outside of the map) and weights, 3 heads."""
    generator = torch.Generator().manual_seed(seed)
    options = dict(generator=generator, dtype=torch.float64)
    tokens = sum(h * w for h, w in shapes)
    value = torch.randn(batch, tokens, 3, width, **options)
    locations = torch.rand(batch, 5, 3, len(shapes), 2, 2, **options) * 1.6 - 0.3
    weights = torch.randn(batch, 5, 3, len(shapes), 2, **options)
    tensors = (value, locations, weights)
    return [x.to(device).requires_grad_() for x in tensors]
