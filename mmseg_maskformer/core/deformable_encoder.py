"""Encoder with multi-scale deformable attention (Deformable DETR, arXiv 2010.04159)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .argument_checks import check_counts
from .deformable_attention import deformable_attention
from .deformable_sums import Shapes
from .layers import FeedForwardBlock, grid_position, xavier_init
from .recompute import recomputed


class MSDeformAttention(nn.Module):
    """Attention to a few sampled places of every level (Deformable DETR, 4.1).

    Args:
        embed_dim: C.
        num_heads: attention heads; divides C.
        num_levels: maps that are sampled.
        num_points: samples of a head in each map.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, num_levels: int, num_points: int
    ) -> None:
        super().__init__()
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
        angle = 2 * math.pi * torch.arange(heads, dtype=torch.float64) / heads
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
        blocked: Tensor | None,
    ) -> Tensor:
        """Let the tokens of all levels (B, T, C) attend to each other.

        Args:
            x: the tokens, level by level.
            position: (B or 1, T, C), part of the queries and not of the values.
            reference: (T, 2), x and y of each token as shares of width and height.
            shapes: (h, w) of each level.
            blocked: (B, T) boolean, True where the value of a token counts as zero.

        Returns:
            (B, T, C) what the heads have seen, before ``output_proj``.
        """
        heads, levels, points = self.samples
        offsets, weights = recomputed(self._of_query, x, position)
        value = self.value_proj(x)
        if blocked is not None:
            value = value.masked_fill(blocked[..., None], 0)
        size = _widths_and_heights(reference, shapes)  # (levels, 2)
        # rows as long as the layer's output, because short ones are slow to broadcast
        size = size[:, None].expand(heads, -1, points, -1).flatten()
        # float32, that of `reference`: half precision does not tell cells apart
        centre = reference.repeat(1, math.prod(self.samples))
        locations = centre + offsets / size
        weights = weights.unflatten(-1, (heads, -1)).softmax(-1)
        return deformable_attention(
            value.unflatten(-1, (heads, -1)),
            shapes,
            locations.unflatten(-1, (heads, levels, points, 2)),
            weights.unflatten(-1, (levels, points)),
        )

    def _of_query(self, x: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets and attention logits of all samples."""
        query = x + position
        return self.sampling_offsets(query), self.attention_weights(query)


class DeformableAttentionBlock(nn.Module):
    """Multi-scale deformable attention with residual, dropout and post-norm.

    Args:
        embed_dim: C.
        num_heads: attention heads; divides C.
        num_levels: maps that are sampled.
        num_points: samples of a head in each map.
        dropout: on the residual branch.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_levels: int,
        num_points: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention = MSDeformAttention(embed_dim, num_heads, num_levels, num_points)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        reference: Tensor,
        shapes: Shapes,
        blocked: Tensor | None,
    ) -> Tensor:
        """(B, T, C) to the same shape; arguments as of `MSDeformAttention`."""
        seen = self.attention(x, position, reference, shapes, blocked)
        random = self.training and self.dropout.p > 0
        return recomputed(self._added, x, seen, draws_numbers=random)

    def _added(self, x: Tensor, seen: Tensor) -> Tensor:
        return self.norm(x + self.dropout(self.attention.output_proj(seen)))


class DeformableEncoder(nn.Module):
    """Encoder layers over the tokens of several maps.

    Args:
        embed_dim: C.
        num_levels: maps.
        num_layers: encoder layers.
        num_heads: attention heads; divides C.
        num_points: samples of a head in each map.
        ffn_dim: width between the linear layers.
        dropout: in every block.
    """

    def __init__(
        self,
        embed_dim: int,
        num_levels: int,
        num_layers: int,
        num_heads: int,
        num_points: int,
        ffn_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        check_counts(num_levels=num_levels, num_layers=num_layers)
        check_counts(num_points=num_points, ffn_dim=ffn_dim)
        self.embed_dim = embed_dim
        self.level_embed = nn.Parameter(torch.empty(num_levels, embed_dim))
        self.attention = nn.ModuleList(
            DeformableAttentionBlock(
                embed_dim, num_heads, num_levels, num_points, dropout
            )
            for _ in range(num_layers)
        )
        self.feed_forward = nn.ModuleList(
            FeedForwardBlock(embed_dim, ffn_dim, dropout) for _ in range(num_layers)
        )
        xavier_init(self.feed_forward)
        nn.init.normal_(self.level_embed)

    def forward(
        self, maps: Sequence[Tensor], valid: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Encode maps (B, C, h_i, w_i), coarse to fine.

        Raises:
            ValueError: They are not as many as the encoder was built for.
        """
        if len(maps) != len(self.level_embed):
            raise ValueError(
                f"The encoder has num_levels={len(self.level_embed)}, but was given "
                f"{len(maps)} map(s)."
            )
        shapes = [(x.shape[2], x.shape[3]) for x in maps]
        grids = [grid_position(x, valid, self.embed_dim) for x in maps]
        position = torch.cat(
            [
                place + embed
                for (place, _), embed in zip(grids, self.level_embed, strict=True)
            ],
            dim=1,
        )
        blocked = [mask for _, mask in grids if mask is not None]
        around = (
            position,
            torch.cat([cell_centres(x) for x in maps]),
            shapes,
            torch.cat(blocked, dim=1) if blocked else None,
        )
        x = torch.cat([x.flatten(2).transpose(1, 2) for x in maps], dim=1)
        for attend, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            x = feed_forward(attend(x, *around))
        tokens = x.transpose(1, 2).split([h * w for h, w in shapes], dim=2)
        return tuple(
            part.unflatten(2, shape) for part, shape in zip(tokens, shapes, strict=True)
        )


def _widths_and_heights(like: Tensor, shapes: Shapes) -> Tensor:
    """(levels, 2) in the dtype of a tensor; a graph for any size keeps them free."""
    numbers = [like.new_full((), number) for h, w in shapes for number in (w, h)]
    return torch.stack(numbers).unflatten(0, (-1, 2))


def cell_centres(x: Tensor) -> Tensor:
    """Centres (h * w, 2) of the cells of a map (B, C, h, w): x and y, 0 to 1.

    In float32, or in float64 where the map is.
    """
    height, width = x.shape[-2:]
    dtype = torch.promote_types(x.dtype, torch.float32)
    rows = (torch.arange(height, dtype=dtype, device=x.device) + 0.5) / height
    columns = (torch.arange(width, dtype=dtype, device=x.device) + 0.5) / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1)
