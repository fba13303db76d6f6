"""Bilinear samples of several maps as weighted sums of table rows, both ways.

The maps of an image stand one after the other in a table of rows (cells * heads, D).
Two rows and columns of zeros come before each map and two behind it; samples outside
are moved there, so that neither values nor gradients need a test of what is inside.

A sample is the weighted sum of four rows, and what a head returns the weighted sum of
its samples: one `embedding_bag` for each of the four corners. The gradient by the
values is the same sum the other way round: with the samples sorted by their upper left
cell, a row sums rows of the incoming gradient. Nothing is added atomically, so both
ways are deterministic.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Shapes = Sequence[tuple[int, int]]

# the table ----------------------------------------------------------------------------


def table_cells(shapes: Shapes) -> list[int]:
    """Cells of each level with the zeros around it.

    The two columns behind a row are the first two of the next one.
    """
    return [(h + 4) * (w + 2) + 2 for h, w in shapes]


def _maps(table: Tensor, shapes: Shapes) -> Iterator[Tensor]:
    """Each level (heads, h, w, D) of a table (heads, cells, D)."""
    parts = table.split(table_cells(shapes), dim=1)
    for (h, w), part in zip(shapes, parts, strict=True):
        yield part[:, :-2].unflatten(1, (h + 4, w + 2))[:, 2:-2, 2:]


def to_table(value: Tensor, shapes: Shapes) -> Tensor:
    """(heads, T, D) to (heads, cells, D)."""
    heads, _, width = value.shape
    table = value.new_zeros(heads, sum(table_cells(shapes)), width)
    parts = value.split([h * w for h, w in shapes], dim=1)
    for shape, target, source in zip(shapes, _maps(table, shapes), parts, strict=True):
        target.copy_(source.unflatten(1, shape))
    return table


def from_table(table: Tensor, shapes: Shapes) -> Tensor:
    """The inverse of `to_table`."""
    return torch.cat([part.flatten(1, 2) for part in _maps(table, shapes)], dim=1)


# samples ------------------------------------------------------------------------------


class Grid(NamedTuple):
    """Numbers of the levels for every sample, (heads, Q, levels * points).

    Spread out like that because broadcasting short rows is slow on the CPU.
    """

    width: Tensor
    height: Tensor
    last_column: Tensor
    last_row: Tensor
    across: Tensor  # int32, table rows from a cell to the one below
    start: Tensor  # int32, table row of the level's first cell

    @classmethod
    def of(cls, shapes: Shapes, locations: Tensor) -> Grid:
        """Of ``locations`` (heads, Q, levels, points, 2)."""
        heads, queries, _, points, _ = locations.shape
        device, dtype = locations.device, locations.dtype
        cells = table_cells(shapes)
        starts = torch.tensor([0, *cells[:-1]], device=device).cumsum(0)
        starts = starts + sum(cells) * torch.arange(heads, device=device)[:, None]

        def spread(numbers: Tensor, dtype: torch.dtype) -> Tensor:
            row = numbers.to(dtype).expand(heads, -1).repeat_interleave(points, dim=1)
            return row[:, None].expand(-1, queries, -1).contiguous()

        height, width = torch.tensor(shapes, device=device).unbind(1)
        return cls(
            spread(width, dtype),
            spread(height, dtype),
            spread(width + 2, dtype),
            spread(height + 2, dtype),
            spread(width + 2, torch.int32),
            spread(starts, torch.int32),
        )


class Samples(NamedTuple):
    """Samples, each tensor (heads, Q, levels * points)."""

    upper: Tensor  # int32, table row of the upper left corner
    lower: Tensor  # int32, of the lower left corner
    x: Tensor  # distance from the left corners, 0 to 1
    y: Tensor

    @classmethod
    def at(cls, locations: Tensor, grid: Grid) -> Samples:
        """At ``locations`` (heads, Q, levels, points, 2), contiguous."""
        column, x = _axis(locations[..., 0], grid.width, grid.last_column)
        row, y = _axis(locations[..., 1], grid.height, grid.last_row)
        upper = row.mul_(grid.across).add_(column).add_(grid.start)
        return cls(upper, upper + grid.across, x, y)

    def corners(self, table: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Upper left and right, lower left and right: numbers of rows, and of what."""
        rows = (self.upper.flatten(0, 1), self.lower.flatten(0, 1))
        return [(numbers, x) for numbers in rows for x in (table, table[1:])]

    def shares(self, weights: Tensor) -> list[Tensor]:
        """Weights (heads * Q, samples) of the corners, in their order."""
        right, lower = weights * self.x, weights * self.y
        lower_right = right * self.y
        upper_left = weights - right
        upper_left.sub_(lower).add_(lower_right)
        right.sub_(lower_right)
        lower.sub_(lower_right)
        return [x.flatten(0, 1) for x in (upper_left, right, lower, lower_right)]


def _axis(location: Tensor, size: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Column left of a sample, and distance from it.

    The centre of a map's first cell is at 2. Up to 1 and from ``last`` on there are
    only zeros. No number stays none in the distance; its column exists.
    """
    position = location.flatten(-2) * size
    position = torch.minimum(position.add_(1.5).clamp_(min=0), last)
    column = position.to(torch.int32).clamp_(min=0)
    return column, position.sub_(column)


# sums, and their gradients ------------------------------------------------------------


def bag_sums(rows: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums (n, D) of the table's rows (n, k)."""
    return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")


def bag_dots(rows: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    """Products (n, k) of ``grad`` (n, D) with the table's rows (n, k).

    The gradient of `bag_sums` by its weights. A product of two matrices at given places
    is faster than `embedding_bag`'s, but only the CPU takes places in any order.
    """
    count, width = rows.shape
    if grad.device.type != "cpu":
        return _bag_dots_of_operator(rows, table, grad)
    bounds = torch.arange(0, count * width + 1, width, dtype=rows.dtype)
    zeros = grad.new_zeros(rows.numel())
    size = (count, len(table))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse ")
        places = torch.sparse_csr_tensor(
            bounds, rows.flatten(), zeros, size=size, check_invariants=False
        )
    found = torch.sparse.sampled_addmm(places, grad, table.t(), beta=0)
    return found.values().view(rows.shape)


def _bag_dots_of_operator(rows: Tensor, table: Tensor, grad: Tensor) -> Tensor:
    """The same by what autograd calls; inside an operator it records nothing."""
    count, width = rows.shape
    bags = torch.arange(count, dtype=rows.dtype, device=rows.device)
    dots = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        grad, table, rows.flatten(), bags * width, bags.repeat_interleave(width), 0
    )
    return dots.view(count, width)


def sample_gradients(
    samples: Samples, grid: Grid, weights: Tensor, dots: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by weight, x and y of the samples from the products of the corners."""
    upper, upper_right, lower, lower_right = (x.view_as(weights) for x in dots)
    across = upper_right.sub_(upper)
    turn = lower_right.sub_(lower)
    upper.addcmul_(across, samples.x)  # between the upper corners
    lower.addcmul_(turn, samples.x)
    down = lower.sub_(upper)
    by_weight = upper.addcmul_(down, samples.y)
    across.addcmul_(turn.sub_(across), samples.y)
    across.mul_(weights).mul_(grid.width)
    return by_weight, across, down.mul_(weights).mul_(grid.height)


def _starts(ordered: Tensor, num_rows: int) -> Tensor:
    """(num_rows,) int32: where each row begins among the ordered ones."""
    if ordered.device.type == "cpu":  # three times as fast as a search
        counts = ordered.bincount(minlength=num_rows)
        return (counts.cumsum(0) - counts).int()
    rows = torch.arange(num_rows, dtype=ordered.dtype, device=ordered.device)
    return torch.searchsorted(ordered, rows, out_int32=True)  # waits for nothing


def table_gradients(
    upper: Tensor, shares: Sequence[Tensor], grad: Tensor, shapes: Shapes
) -> Tensor:
    """Gradient (heads, cells, D) by the table.

    Args:
        upper: (heads, Q, k) rows of the samples' upper left corners.
        shares: (heads * Q, k) weights of the four corners.
        grad: (heads * Q, D) by what `bag_sums` returned.
        shapes: (h, w) of each level.
    """
    heads, queries, count = upper.shape
    cells = table_cells(shapes)
    ordered, order = upper.flatten().sort(stable=True)
    starts = _starts(ordered, heads * sum(cells))
    bags = torch.arange(heads * queries, dtype=torch.int32, device=grad.device)
    bags = bags.repeat_interleave(count).index_select(0, order)
    total, right, lower, lower_right = (
        F.embedding_bag(
            bags,
            grad,
            starts,
            per_sample_weights=share.flatten().index_select(0, order),
            mode="sum",
        )
        for share in shares
    )
    total[1:] += right[:-1]
    lower[1:] += lower_right[:-1]
    total, lower = (x.unflatten(0, (heads, -1)) for x in (total, lower))
    parts = (x.split(cells, dim=1) for x in (total, lower))
    for (_, w), target, source in zip(shapes, *parts, strict=True):
        target[:, w + 2 :] += source[:, : -(w + 2)]
    return total
