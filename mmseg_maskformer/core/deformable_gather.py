"""Multi-scale deformable attention from plain gathers, for graphs that leave PyTorch.

Other runtimes have no `embedding_bag`, and some replace what they take for bilinear
sampling (`GridSample`) by something else. Here are only arithmetic and rows taken by
their number, whatever the sizes of the maps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .deformable_sums import Shapes


def gather_attention(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """What :func:`deformable_attention` returns, in the dtype of the arguments.

    Memory is that of one corner of all samples, (B, Q, heads, levels * points, D).

    Args:
        value: (B, T, heads, D), the cells of all levels, row-major in a level.
        shapes: (h, w) of each level.
        locations: (B, Q, heads, levels, points, 2), x and y as shares of the level.
        weights: (B, Q, heads, levels, points).

    Returns:
        (B, Q, heads * D).
    """
    height, width, start = _levels(shapes, value.device)
    left, x = _axis(locations[..., 0], width)
    upper, y = _axis(locations[..., 1], height)
    table = value.flatten(0, 2)  # (B * T * heads, D)
    batch, tokens, heads, _ = value.shape
    image = torch.arange(batch, device=value.device)[:, None, None, None, None]
    head = torch.arange(heads, device=value.device)[:, None, None]
    start = image * tokens + start
    total = torch.zeros((), dtype=value.dtype, device=value.device)
    for row, down in ((upper, 1 - y), (upper + 1, y)):
        for column, across in ((left, 1 - x), (left + 1, x)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            share = (weights * down * across * inside.to(weights.dtype)).flatten(3)
            cell = torch.minimum(row.clamp(min=0), height - 1) * width
            cell = start + cell + torch.minimum(column.clamp(min=0), width - 1)
            number = (cell * heads + head).flatten(3)
            rows = table.index_select(0, number.flatten()).unflatten(0, number.shape)
            total = total + (rows * share[..., None]).sum(dim=3)
    return total.flatten(2)


def _levels(shapes: Shapes, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Height, width and number of the first cell of each level, (levels, 1) int64.

    Each number is a tensor of its own first: one made of a list would be a constant.
    """
    numbers = [
        torch.full((), number, dtype=torch.int64, device=device)
        for shape in shapes
        for number in shape
    ]
    height, width = torch.stack(numbers).unflatten(0, (-1, 2)).unbind(1)
    cells = height * width
    return height[:, None], width[:, None], (cells.cumsum(0) - cells)[:, None]


def _axis(location: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Cell left of a sample, -1 to ``size``, and the distance from it, 0 to 1."""
    size = size.to(location.dtype)
    position = torch.minimum((location * size - 0.5).clamp(min=-1), size)
    cell = position.floor()
    return cell.long(), position - cell
