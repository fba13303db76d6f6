"""Multi-scale deformable attention cell by cell (arXiv 2010.04159, equation 3).

Written from the paper: a sample weighs every cell of its map by the hat function of
the distance to its centre. Nothing here imports the package.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def hat(position: Tensor, size: int) -> Tensor:
    """Weight (size,) of each cell centre for a position in cells."""
    centres = torch.arange(size, dtype=position.dtype)
    return (1 - (position - centres).abs()).clamp(min=0)


def sample(level: Tensor, location: Tensor) -> Tensor:
    """(h, w, D) at x and y, shares of width and height: (D,)."""
    height, width, _ = level.shape
    columns = hat(location[0] * width - 0.5, width)
    rows = hat(location[1] * height - 0.5, height)
    return torch.einsum("h,w,hwd->d", rows, columns, level)


def deformable_attention(
    value: Tensor,
    shapes: Sequence[tuple[int, int]],
    locations: Tensor,
    weights: Tensor,
) -> Tensor:
    """Value (B, T, M, D), locations (B, Q, M, L, P, 2), weights (B, Q, M, L, P)."""
    levels = value.split([h * w for h, w in shapes], dim=1)
    images = []
    for b in range(len(value)):
        rows = []
        for q in range(locations.shape[1]):
            for m in range(value.shape[2]):
                total = value.new_zeros(value.shape[-1])
                for n, shape in enumerate(shapes):
                    level = levels[n][b, :, m].unflatten(0, shape)
                    for p in range(locations.shape[4]):
                        found = sample(level, locations[b, q, m, n, p])
                        total = total + weights[b, q, m, n, p] * found
                rows.append(total)
        images.append(torch.cat(rows).view(locations.shape[1], -1))
    return torch.stack(images)
