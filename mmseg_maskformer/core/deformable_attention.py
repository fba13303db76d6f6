"""Multi-scale deformable attention as a weighted sum of table rows.

A sample is the bilinear mean of four neighbouring cells, so an output row is a
weighted sum of rows of the value table: one `embedding_bag` for each of the four
corners. The maps stand in the table with a border of zeros, so that no sample needs a
test whether it is inside. The gradient by the values is the same sum the other way
round: samples are sorted by their upper left cell, and a cell sums rows of the incoming
gradient. Nothing is added atomically, so both directions are deterministic.

Memory is that of one head of one image at a time on the CPU; nothing but the inputs is
kept for backward.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Shapes = Sequence[tuple[int, int]]
Kernel = Callable[[Tensor, Shapes, Tensor, Tensor], Tensor]

_kernel: Kernel | None = None


def set_kernel(kernel: Kernel | None) -> None:
    """Let a compiled operator do the work on CUDA in float32; None takes it away.

    Args:
        kernel: takes and returns what :func:`deformable_attention` does.
    """
    global _kernel
    _kernel = kernel


def deformable_attention(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Weighted sum of bilinear samples (Deformable DETR, arXiv 2010.04159, eq. 3).

    Computed in float32, or in float64 where an argument is; the result has the dtype of
    ``value``. A sample outside of its map is zero.

    Args:
        value: (B, T, heads, D), the cells of all levels, row-major in a level.
        shapes: (h, w) of each level; T is the sum of h * w.
        locations: (B, Q, heads, levels, points, 2), x and y as shares of the width and
            height of the level: 0 and 1 are the borders of the map.
        weights: (B, Q, heads, levels, points).

    Returns:
        (B, Q, heads * D).

    Raises:
        ValueError: The shapes do not fit each other.
    """
    _check(value, shapes, locations, weights)
    tensors = (value, locations, weights)
    if _kernel and all(x.is_cuda and x.dtype == torch.float32 for x in tensors):
        return _kernel(value, shapes, locations, weights)
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    flat = [size for shape in shapes for size in shape]
    output = _forward(value.to(dtype), flat, locations.to(dtype), weights.to(dtype))
    return output.to(value.dtype)


def _check(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> None:
    batch, tokens, heads, _ = value.shape
    cells = sum(h * w for h, w in shapes)
    if tokens != cells:
        raise ValueError(
            f"value has {tokens} tokens, but the levels {list(shapes)} have {cells}."
        )
    queries, points = locations.shape[1], locations.shape[4]
    wanted = (batch, queries, heads, len(shapes), points)
    if weights.shape != wanted or locations.shape != (*wanted, 2):
        raise ValueError(
            "locations and weights must be (B, Q, heads, levels, points, 2) and the "
            f"same without the 2, with B = {batch}, heads = {heads} and levels = "
            f"{len(shapes)}; got {tuple(locations.shape)} and {tuple(weights.shape)}."
        )


# the table of values ------------------------------------------------------------------


def _padded_cells(shapes: Shapes) -> list[int]:
    """Cells of each level with its border, by one more in the last one.

    A row of zeros stands above and below a level, a column of zeros at its left. The
    neighbour at the right of a row's end is the first cell of the next row, a zero.
    """
    cells = [(h + 2) * (w + 1) for h, w in shapes]
    cells[-1] += 1
    return cells


def _maps(table: Tensor, shapes: Shapes) -> Iterator[Tensor]:
    """Each level (B, heads, h, w, D) inside the padded table (B, heads, cells, D)."""
    parts = table.split(_padded_cells(shapes), dim=2)
    for (h, w), part in zip(shapes, parts, strict=True):
        rows = part[:, :, : (h + 2) * (w + 1)].unflatten(2, (h + 2, w + 1))
        yield rows[:, :, 1:-1, 1:]


def _tokens(value: Tensor, shapes: Shapes) -> Iterator[Tensor]:
    """Each level (B, heads, h, w, D) of the tokens (B, T, heads, D)."""
    parts = value.transpose(1, 2).split([h * w for h, w in shapes], dim=2)
    for shape, part in zip(shapes, parts, strict=True):
        yield part.unflatten(2, shape)


def _to_table(value: Tensor, shapes: Shapes) -> Tensor:
    """(B, T, heads, D) to (B, heads, cells, D) with zeros around each map."""
    batch, _, heads, width = value.shape
    table = value.new_zeros(batch, heads, sum(_padded_cells(shapes)), width)
    for target, source in zip(
        _maps(table, shapes), _tokens(value, shapes), strict=True
    ):
        target.copy_(source)
    return table


def _from_table(table: Tensor, shapes: Shapes) -> Tensor:
    """The inverse of `_to_table`."""
    batch, heads, _, width = table.shape
    value = table.new_empty(batch, sum(h * w for h, w in shapes), heads, width)
    for target, source in zip(
        _tokens(value, shapes), _maps(table, shapes), strict=True
    ):
        target.copy_(source)
    return value


# samples ------------------------------------------------------------------------------


class _Grid(NamedTuple):
    """Numbers of the levels for each sample of a head, (Q, levels * points)."""

    width: Tensor
    height: Tensor
    row: Tensor  # cells in a row of the table
    start: Tensor  # first cell of the level

    @classmethod
    def of(cls, shapes: Shapes, locations: Tensor) -> _Grid:
        """Spread out, because broadcasting a few columns is slow on the CPU."""
        _, queries, _, _, points, _ = locations.shape
        starts = [0]
        for cells in _padded_cells(shapes)[:-1]:
            starts.append(starts[-1] + cells)

        def spread(numbers: Sequence[int], dtype: torch.dtype) -> Tensor:
            row = torch.tensor(numbers, dtype=dtype, device=locations.device)
            return row.repeat_interleave(points).expand(queries, -1).contiguous()

        heights, widths = zip(*shapes, strict=True)
        return cls(
            spread(widths, locations.dtype),
            spread(heights, locations.dtype),
            spread([w + 1 for w in widths], torch.int32),
            spread(starts, torch.int32),
        )


class _Samples(NamedTuple):
    """Samples of some heads, each tensor (heads * Q, levels * points)."""

    cell: Tensor  # int32, upper left corner in the table of these heads
    below: Tensor  # int32, the cell under it
    x: Tensor  # distance from the left column, 0 to 1
    y: Tensor
    inside_x: Tensor
    inside_y: Tensor


def _samples(locations: Tensor, grid: _Grid, cells: int) -> _Samples:
    """Cells and distances of the samples ``locations`` (heads, Q, levels, points, 2).

    Coordinates count from the border's first column: the centre of its cell is at 0
    and the first column of the map at 1.
    """
    heads = len(locations)
    column, x, inside_x = _axis(locations[..., 0], grid.width)
    row, y, inside_y = _axis(locations[..., 1], grid.height)
    cell = row.mul_(grid.row).add_(column).add_(grid.start)
    if heads > 1:
        first = torch.arange(heads, dtype=torch.int32, device=cell.device) * cells
        cell = cell + first[:, None, None]
    below = cell + grid.row
    return _Samples(*(z.flatten(0, 1) for z in (cell, below, x, y, inside_x, inside_y)))


def _axis(location: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cell left of a sample, distance from it, and whether the sample is inside.

    A sample outside is moved to the border, where everything is zero. What is no
    number stays none in the distance; its cell exists.
    """
    position = location.flatten(-2) * size
    position += 0.5
    inside = (position > 0) & (position < size + 1)
    position = torch.minimum(position.clamp_(min=0), size + 1)
    cell = position.to(torch.int32).clamp_(min=0)
    cell = torch.minimum(cell, size.to(torch.int32))
    return cell, position.sub_(cell), inside


def _corner_weights(samples: _Samples, weights: Tensor) -> tuple[Tensor, ...]:
    """Attention times bilinear weight: upper left, upper right, lower left, right."""
    right, lower = weights * samples.x, weights * samples.y
    lower_right = right * samples.y
    lower -= lower_right
    right -= lower_right
    return weights - right - lower - lower_right, right, lower, lower_right


def _corners(samples: _Samples, table: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Rows and table of each corner; a table without its first row moves right."""
    return tuple(
        (rows, rest)
        for rows in (samples.cell, samples.below)
        for rest in (table, table[1:])
    )


def _groups(x: Tensor) -> Iterator[tuple[slice, slice]]:
    """Images and heads done at a time: one head on the CPU, to fit the cache."""
    batch, _, heads = x.shape[:3]
    if x.device.type != "cpu":
        return iter([(slice(None), slice(None))])
    return (
        (slice(image, image + 1), slice(head, head + 1))
        for image in range(batch)
        for head in range(heads)
    )


# both directions ----------------------------------------------------------------------


def _pairs(flat: Sequence[int]) -> Shapes:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _forward_op(
    value: Tensor, flat: Sequence[int], locations: Tensor, weights: Tensor
) -> Tensor:
    shapes = _pairs(flat)
    batch, queries, heads = locations.shape[:3]
    table, grid = _to_table(value, shapes), _Grid.of(shapes, locations)
    output = value.new_empty(batch, queries, heads, value.shape[-1])
    for group in _groups(locations):
        rows = table[group].flatten(0, 2)
        samples = _samples(_heads(locations, group), grid, table.shape[2])
        share = _corner_weights(
            samples, _heads(weights, group).flatten(2).flatten(0, 1)
        )
        part: Tensor | None = None
        for (index, source), weight in zip(_corners(samples, rows), share, strict=True):
            one = F.embedding_bag(index, source, per_sample_weights=weight, mode="sum")
            part = one if part is None else part.add_(one)
        target = output.transpose(1, 2)[group]
        target.copy_(part.view(target.shape))
    return output.flatten(2)


def _heads(x: Tensor, group: tuple[slice, slice]) -> Tensor:
    """(B, Q, heads, ...) to (heads of the group, Q, ...)."""
    return x.transpose(1, 2)[group].flatten(0, 1)


def _backward_op(
    grad: Tensor,
    value: Tensor,
    flat: Sequence[int],
    locations: Tensor,
    weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    shapes = _pairs(flat)
    table, grid = _to_table(value, shapes), _Grid.of(shapes, locations)
    grad = grad.unflatten(2, (value.shape[2], -1))
    grad_locations = torch.empty_like(locations, memory_format=torch.contiguous_format)
    grad_weights = torch.empty_like(weights, memory_format=torch.contiguous_format)
    for group in _groups(locations):
        rows = table[group].flatten(0, 2)
        samples = _samples(_heads(locations, group), grid, table.shape[2])
        attention = _heads(weights, group).flatten(2).flatten(0, 1)
        wanted = _heads(grad, group).flatten(0, 1)
        dots = [_dots(wanted, *corner) for corner in _corners(samples, rows)]
        grads = _sample_gradients(samples, grid, attention, dots)
        _put(grads[0], grad_weights, group)
        _put(grads[1], grad_locations[..., 0], group)
        _put(grads[2], grad_locations[..., 1], group)
        # the table of these heads has been read; its gradient takes its place
        share = _corner_weights(samples, attention)
        rows.copy_(_row_gradients(samples.cell, share, wanted, shapes, rows))
    return _from_table(table, shapes), grad_locations, grad_weights


def _put(part: Tensor, target: Tensor, group: tuple[slice, slice]) -> None:
    view = target.transpose(1, 2)[group]
    view.copy_(part.view(view.shape))


def _sample_gradients(
    samples: _Samples, grid: _Grid, attention: Tensor, dots: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by weight, column and row from the four products with the corners."""
    upper_left, upper_right, lower_left, lower_right = dots
    across_upper = upper_right - upper_left
    across_lower = lower_right - lower_left
    upper = torch.addcmul(upper_left, across_upper, samples.x)
    down = torch.addcmul(lower_left, across_lower, samples.x).sub_(upper)
    by_weight = torch.addcmul(upper, down, samples.y)
    across = across_upper.addcmul_(across_lower.sub_(across_upper), samples.y)
    across.mul_(attention).mul_(samples.inside_x)
    down.mul_(attention).mul_(samples.inside_y)
    for by_location, size in ((across, grid.width), (down, grid.height)):
        by_location.view(-1, *size.shape).mul_(size)
    return by_weight, across, down


def _dots(grad: Tensor, rows: Tensor, table: Tensor) -> Tensor:
    """Products (n, k) of ``grad`` (n, D) with the k rows of the table named for each.

    It is the gradient of `embedding_bag` by its weights; the product of two matrices at
    given places is faster, but only the CPU takes places in any order.
    """
    if grad.device.type != "cpu":
        with torch.enable_grad():
            ones = torch.ones(rows.shape, dtype=grad.dtype, device=grad.device)
            ones.requires_grad_()
            bags = F.embedding_bag(rows, table, per_sample_weights=ones, mode="sum")
        return torch.autograd.grad(bags, ones, grad)[0]
    count, width = rows.shape
    bounds = torch.arange(0, count * width + 1, width, dtype=rows.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR")
        places = torch.sparse_csr_tensor(
            bounds,
            rows.flatten(),
            grad.new_zeros(rows.numel()),
            size=(count, len(table)),
            check_invariants=False,
        )
    found = torch.sparse.sampled_addmm(places, grad, table.t(), beta=0)
    return found.values().view(rows.shape)


def _row_gradients(
    cell: Tensor,
    share: Sequence[Tensor],
    grad: Tensor,
    shapes: Shapes,
    like: Tensor,
) -> Tensor:
    """Gradient (rows, D) by the rows of a table.

    Samples in the order of their cells make one bag of each cell: rows of ``grad``.
    """
    ordered, order = cell.flatten().sort(stable=True)
    numbers = torch.arange(len(like), dtype=torch.int32, device=cell.device)
    starts = torch.searchsorted(ordered, numbers, out_int32=True)
    bags = (order // cell.shape[1]).int()
    sums = [
        F.embedding_bag(
            bags,
            grad,
            starts,
            per_sample_weights=weight.flatten()[order],
            mode="sum",
        )
        for weight in share
    ]
    total, below = sums[0], sums[2]
    total[1:] += sums[1][:-1]
    below[1:] += sums[3][:-1]
    cells = _padded_cells(shapes)
    targets, sources = (
        x.view(-1, sum(cells), x.shape[1]).split(cells, dim=1) for x in (total, below)
    )
    for (h, w), target, source in zip(shapes, targets, sources, strict=True):
        count = (h + 1) * (w + 1)
        target[:, w + 1 : w + 1 + count] += source[:, :count]
    return total


_forward = torch.library.custom_op(
    "mmseg_maskformer::deformable_attention",
    _forward_op,
    mutates_args=(),
    schema="(Tensor value, SymInt[] flat, Tensor locations, Tensor weights) -> Tensor",
)
_backward = torch.library.custom_op(
    "mmseg_maskformer::deformable_attention_backward",
    _backward_op,
    mutates_args=(),
    schema="(Tensor grad, Tensor value, SymInt[] flat, Tensor locations, "
    "Tensor weights) -> (Tensor, Tensor, Tensor)",
)


@_forward.register_fake
def _forward_shape(
    value: Tensor, flat: Sequence[int], locations: Tensor, weights: Tensor
) -> Tensor:
    batch, queries, heads = locations.shape[:3]
    return value.new_empty(batch, queries, heads * value.shape[-1])


@_backward.register_fake
def _backward_shape(
    grad: Tensor,
    value: Tensor,
    flat: Sequence[int],
    locations: Tensor,
    weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    contiguous = (torch.empty_like(x).contiguous() for x in (value, locations, weights))
    return tuple(contiguous)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    value, ctx.flat, locations, weights = inputs
    ctx.save_for_backward(value, locations, weights)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    value, locations, weights = ctx.saved_tensors
    by_value, *rest = _backward(grad, value, ctx.flat, locations, weights)
    return by_value, None, *rest


_forward.register_autograd(_differentiate, setup_context=_keep)
