"""Maps at points: bilinear sampling (align_corners off), its transpose, the choice.

A point is x, y in 0..1 of a map, whatever its size; what lies outside a map is zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .structures import map_size
from .targets import SegmentTargets
from .tiling import of_device

CHUNK = {"cpu": 1 << 19, "cuda": 1 << 24}  # points looked at at a time


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps (N, C, h, w) at points (N, P, 2), (N, C, P)."""
    grid = (2 * points - 1)[:, None]
    return F.grid_sample(maps, grid, align_corners=False)[:, :, 0]


def in_reading_order(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Points (N, P, 2) by the cells of a map; sampling many channels is faster then."""
    row, column = points[..., 1] * size[0], points[..., 0] * size[1]
    order = (row.floor() * size[1] + column).argsort(dim=1)
    return points.gather(1, order[..., None].expand(-1, -1, 2))


class Corners(NamedTuple):
    """The four cells around each of the points (...), and their shares of it.

    Cells are numbered row by row. In place of one outside of the map there is that of
    its edge, with a share of 0.
    """

    cells: Tensor  # (4, ...)
    shares: Tensor  # (4, ...)

    @classmethod
    def of(cls, points: Tensor, size: tuple[int, int]) -> Corners:
        """Corners of points (..., 2) in a map of height and width ``size``."""
        columns, across = _neighbours(points[..., 0], size[1])
        rows, down = _neighbours(points[..., 1], size[0])
        starts = [row * size[1] for row in rows]
        return cls(
            torch.stack([start + column for start in starts for column in columns]),
            torch.stack([y * x for y in down for x in across]),
        )


def _neighbours(
    place: Tensor, length: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Two cells along an axis, and their shares."""
    place = (place * length + 0.5).clamp(0, length + 1)
    second = place.long().clamp_(max=length)  # `length` beyond the far edge
    share = place - second
    shares = (1 - share).mul_(second > 0), share * (second < length)
    return ((second - 1).clamp_(min=0), second.clamp(max=length - 1)), shares


def sample_own(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps (N, h, w), each at its own points (N, P, 2), (N, P).

    For backward only the points are kept, not the maps. Unlike the native operator's,
    the gradient can be deterministic on CUDA.
    """
    return _Sampled.apply(maps, points)


class _Sampled(torch.autograd.Function):
    """Bilinear sampling whose backward adds to the four cells around each point."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, points: Tensor) -> Tensor:
        """(N, P); see :func:`sample_own`."""
        ctx.save_for_backward(points)
        ctx.size = map_size(maps)
        return sample(maps[:, None], points)[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Gradient by the maps, (N, h, w)."""
        (points,) = ctx.saved_tensors
        out = grad.new_empty(len(grad), *ctx.size)
        some = max(1, of_device(CHUNK, grad.device) // (4 * grad.shape[1]))
        for maps, values, places in zip(
            out.split(some), grad.split(some), points.split(some), strict=True
        ):
            maps.copy_(_scattered(values, places, ctx.size))
        return out, None


def _scattered(values: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """The transpose of sampling: values (N, P) at points (N, P, 2) to (N, h, w)."""
    cells, shares = Corners.of(points, size)
    area = size[0] * size[1]
    first = torch.arange(len(values), device=values.device) * area
    maps = values.new_zeros(len(values) * area)
    maps.index_add_(0, (cells + first[:, None]).flatten(), (shares * values).flatten())
    return maps.view(-1, *size)


def sample_masks(target: SegmentTargets, segments: Tensor, points: Tensor) -> Tensor:
    """Masks of segments (S,) at points (S or 1, P, 2), (S, P) in 0..1.

    They are looked at in the corners of each point; no mask is made.
    """
    flat = target.segment_map.flatten(-2)
    values = points.new_zeros(len(segments), points.shape[1])
    for cells, shares in zip(*Corners.of(points, target.size), strict=True):
        if flat.dim() == 1:
            numbers = flat.index_select(0, cells.flatten()).view_as(cells)
            values += (numbers == target.ids[segments, None]) * shares
        else:
            found = flat[segments[:, None], cells]
            values += (found if found.is_floating_point() else found.bool()) * shares
    return values


def sample_valid(target: SegmentTargets, points: Tensor) -> Tensor | None:
    """How much points (N, P, 2) count, (N, P) in 0..1; None where all do."""
    if target.valid is None:
        return None
    valid = target.valid.to(points.dtype).expand(len(points), 1, -1, -1)
    return sample(valid, points)[:, 0]


def uncertain(
    logits: Tensor, candidates: Tensor, count: int, valid: Tensor | None = None
) -> Tensor:
    """The candidates nearest to the edge of a mask, (N, count, 2) in no order.

    Args:
        logits: (N, M) at the candidates.
        candidates: points (N, M, 2).
        count: of points wanted.
        valid: (N, M); where it is 0 a candidate is taken after all others.
    """
    certainty = logits.abs()
    if valid is not None:
        certainty = certainty.masked_fill(valid == 0, torch.inf)
    chosen = certainty.topk(count, dim=1, largest=False, sorted=False).indices
    return candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
