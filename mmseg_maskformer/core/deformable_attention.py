"""Multi-scale deformable attention by the sums of ``deformable_sums.py``.

Memory is that of one head of one image at a time on the CPU; nothing but the inputs is
kept for backward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .deformable_gather import gather_attention
from .deformable_sums import (
    Grid,
    Samples,
    Shapes,
    bag_dots,
    bag_sums,
    from_table,
    sample_gradients,
    table_gradients,
    to_table,
)

Kernel = Callable[[Tensor, Shapes, Tensor, Tensor], Tensor]

_kernel: Kernel | None = None
_gathers = False


@contextmanager
def plain_gathers() -> Iterator[None]:
    """Let operators that every runtime has do the work, for a graph to be exported."""
    global _gathers
    before, _gathers = _gathers, True
    try:
        yield
    finally:
        _gathers = before


def set_kernel(kernel: Kernel | None) -> None:
    """Let a compiled operator do the work on CUDA in float32; None takes it away.

    Where deterministic algorithms are asked for, the plain form does it.

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
    if _gathers:
        return gather_attention(value, shapes, locations, weights)
    tensors = (value, locations, weights)
    if _kernel is not None and _suits_kernel(tensors):
        return _kernel(value, shapes, locations, weights)
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    flat = [size for shape in shapes for size in shape]
    output = _forward(value.to(dtype), flat, locations.to(dtype), weights.to(dtype))
    return output.to(value.dtype)


def _suits_kernel(tensors: Sequence[Tensor]) -> bool:
    if torch.are_deterministic_algorithms_enabled():
        return False
    return all(x.is_cuda and x.dtype == torch.float32 for x in tensors)


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


def _pairs(flat: Sequence[int]) -> Shapes:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _groups(batch: int, heads: int, device: torch.device) -> list[tuple[int, slice]]:
    """Image and heads done at a time: one head on the CPU, to fit its cache."""
    step = 1 if device.type == "cpu" else heads
    return [
        (image, slice(first, first + step))
        for image in range(batch)
        for first in range(0, heads, step)
    ]


def _by_head(x: Tensor, group: tuple[int, slice]) -> Tensor:
    """(B, n, heads, ...) to (heads of the group, n, ...), a view."""
    image, heads = group
    return x[image, :, heads].transpose(0, 1)


def _samples(
    locations: Tensor, weights: Tensor, group: tuple[int, slice], grid: Grid
) -> tuple[Samples, Tensor]:
    """Samples of a group, and the attention (heads, Q, levels * points) to them."""
    places = _by_head(locations, group).contiguous()
    return Samples.at(places, grid), _by_head(weights, group).flatten(2).contiguous()


def _sum_samples(
    value: Tensor, flat: Sequence[int], locations: Tensor, weights: Tensor
) -> Tensor:
    shapes = _pairs(flat)
    batch, queries, heads = locations.shape[:3]
    groups = _groups(batch, heads, value.device)
    grid = Grid.of(shapes, _by_head(locations, groups[0]))
    output = value.new_empty(batch, queries, heads, value.shape[-1])
    for group in groups:
        samples, attention = _samples(locations, weights, group, grid)
        table = to_table(_by_head(value, group), shapes).flatten(0, 1)
        corners = zip(samples.corners(table), samples.shares(attention), strict=True)
        first, *others = (bag_sums(*corner, share) for corner, share in corners)
        for sums in others:
            first += sums
        target = _by_head(output, group)
        target.copy_(first.view(target.shape))
    return output.flatten(2)


def _differentiate_samples(
    grad: Tensor,
    value: Tensor,
    flat: Sequence[int],
    locations: Tensor,
    weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by value, locations and weights."""
    shapes = _pairs(flat)
    batch, _, heads, width = value.shape
    by_value, by_location, by_weight = map(_empty_like, (value, locations, weights))
    groups = _groups(batch, heads, value.device)
    grid = Grid.of(shapes, _by_head(locations, groups[0]))
    grad = grad.unflatten(2, (heads, width))
    for group in groups:
        samples, attention = _samples(locations, weights, group, grid)
        wanted = _by_head(grad, group).flatten(0, 1).contiguous()
        table = to_table(_by_head(value, group), shapes).flatten(0, 1)
        dots = [bag_dots(*corner, wanted) for corner in samples.corners(table)]
        found = sample_gradients(samples, grid, attention, dots)
        place = _by_head(by_location, group)
        for target, part in zip(
            (_by_head(by_weight, group), place[..., 0], place[..., 1]),
            found,
            strict=True,
        ):
            target.copy_(part.view(target.shape))
        shares = samples.shares(attention)
        rows = table_gradients(samples.upper, shares, wanted, shapes)
        _by_head(by_value, group).copy_(from_table(rows, shapes))
    return by_value, by_location, by_weight


def _empty_like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


_forward = torch.library.custom_op(
    "mmseg_maskformer::deformable_attention",
    _sum_samples,
    mutates_args=(),
    schema="(Tensor value, SymInt[] flat, Tensor locations, Tensor weights) -> Tensor",
)
_backward = torch.library.custom_op(
    "mmseg_maskformer::deformable_attention_backward",
    _differentiate_samples,
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
    return _empty_like(value), _empty_like(locations), _empty_like(weights)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    value, ctx.flat, locations, weights = inputs
    ctx.save_for_backward(value, locations, weights)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    value, locations, weights = ctx.saved_tensors
    by_value, *rest = _backward(grad, value, ctx.flat, locations, weights)
    return by_value, None, *rest


_forward.register_autograd(_differentiate, setup_context=_keep)
