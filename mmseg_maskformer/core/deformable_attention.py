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

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

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
from .layers import check_attention, check_positive

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


# the operator -------------------------------------------------------------------------


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


# the layer ----------------------------------------------------------------------------


class MSDeformAttention(nn.Module):
    """Attention to a few sampled places of every level (Deformable DETR, 4.1).

    Args:
        embed_dim: C.
        num_heads: attention heads; divides C.
        num_levels: maps that are sampled.
        num_points: samples of a head in each map.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 8,
        num_levels: int = 3,
        num_points: int = 4,
    ) -> None:
        super().__init__()
        check_attention(embed_dim, num_heads)
        check_positive(num_levels=num_levels, num_points=num_points)
        self.samples = (num_heads, num_levels, num_points)
        count = math.prod(self.samples)
        self.sampling_offsets = nn.Linear(embed_dim, count * 2)
        self.attention_weights = nn.Linear(embed_dim, count)
        self.value_proj = nn.Linear(embed_dim, embed_dim)
        self.output_proj = nn.Linear(embed_dim, embed_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Let point p of head h look p + 1 cells far, each head another way."""
        heads, levels, points = self.samples
        angle = 2 * math.pi * torch.arange(heads) / heads
        way = torch.stack((angle.cos(), angle.sin()), dim=-1)
        way = way / way.abs().amax(dim=-1, keepdim=True)
        distance = torch.arange(1, points + 1)
        offsets = way[:, None, None] * distance[:, None]  # (heads, 1, points, 2)
        with torch.no_grad():
            self.sampling_offsets.weight.zero_()
            self.sampling_offsets.bias.copy_(
                offsets.expand(-1, levels, -1, -1).flatten()
            )
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        reference: Tensor,
        shapes: Shapes,
        blocked: Tensor | None = None,
    ) -> Tensor:
        """Let the tokens of all levels (B, T, C) attend to each other.

        Args:
            x: the tokens, level by level.
            position: (B or 1, T, C), part of the queries and not of the values.
            reference: (T, 2), x and y of each token as shares of width and height.
            shapes: (h, w) of each level.
            blocked: (B, T) boolean, True where the value of a token counts as zero.
        """
        heads, levels, points = self.samples
        query = x + position
        value = self.value_proj(x)
        if blocked is not None:
            value = value.masked_fill(blocked[..., None], 0)
        size = reference.new_tensor([[w, h] for h, w in shapes])  # (levels, 2)
        # rows as long as the layer's output, because short ones are slow to broadcast
        size = size[:, None].expand(heads, -1, points, -1).flatten()
        centre = reference.repeat(1, math.prod(self.samples))
        locations = centre + self.sampling_offsets(query) / size
        weights = self.attention_weights(query).unflatten(-1, (heads, -1)).softmax(-1)
        sampled = deformable_attention(
            value.unflatten(-1, (heads, -1)),
            shapes,
            locations.unflatten(-1, (heads, levels, points, 2)),
            weights.unflatten(-1, (levels, points)),
        )
        return self.output_proj(sampled)
