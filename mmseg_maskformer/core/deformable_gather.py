"""Multi-scale deformable attention from plain gathers, for graphs that leave PyTorch.

Other runtimes have no `embedding_bag`, and some replace what they take for bilinear
sampling (`GridSample`) by something else. Here are only arithmetic and rows taken by
their number, whatever the sizes of the maps.
"""

from __future__ import annotations

from torch import Tensor

from .deformable_sums import Shapes


def gather_attention(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """What :func:`deformable_attention` returns, in the dtype of the arguments.

    Memory is that of all samples of a level at a time, (B * heads * Q * points, D).

    Args:
        value: (B, T, heads, D), the cells of all levels, row-major in a level.
        shapes: (h, w) of each level.
        locations: (B, Q, heads, levels, points, 2), x and y as shares of the level.
        weights: (B, Q, heads, levels, points).

    Returns:
        (B, Q, heads * D).
    """
    levels = value.split([h * w for h, w in shapes], dim=1)
    places, shares = locations.unbind(3), weights.unbind(3)
    output, *others = map(_level_sums, levels, shapes, places, shares)
    for sums in others:
        output = output + sums
    return output.flatten(2)


def _level_sums(
    value: Tensor, shape: tuple[int, int], locations: Tensor, weights: Tensor
) -> Tensor:
    """Weighted sums (B, Q, heads, D) of samples (B, Q, heads, points) of a level.

    Cells of all heads are rows (B * h * w * heads, D) of one table.
    """
    height, width = shape
    batch, cells, heads, _ = value.shape
    left, x = _axis(locations[..., 0], width)
    upper, y = _axis(locations[..., 1], height)
    image = value.new_ones(batch).cumsum(0).long().sub(1)[:, None, None, None]
    head = value.new_ones(heads).cumsum(0).long().sub(1)[:, None]
    table = value.flatten(0, 2)
    total = None
    for row, down in ((upper, 1 - y), (upper + 1, y)):
        for column, across in ((left, 1 - x), (left + 1, x)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            share = weights * down * across * inside.to(weights.dtype)
            cell = row.clamp(0, height - 1).long() * width
            cell = cell + column.clamp(0, width - 1).long()
            number = (image * cells + cell) * heads + head
            rows = table.index_select(0, number.flatten()).unflatten(0, number.shape)
            part = (rows * share[..., None]).sum(dim=3)
            total = part if total is None else total + part
    assert total is not None
    return total


def _axis(location: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cell left of a sample as a whole float, from -1 to ``size``, and the distance."""
    position = (location * size - 0.5).clamp(-1, size)
    cell = position.floor()
    return cell, position - cell
