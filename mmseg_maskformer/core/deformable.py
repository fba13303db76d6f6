"""Pixel decoder with multi-scale deformable attention (Mask2Former, arXiv 2112.01527).

Encoder layers run over the tokens of the three coarsest maps at once; what they return
are the memories. Finer maps are fused into the finest of them, for the mask features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .deformable_attention import Shapes, deformable_attention
from .layers import (
    FeedForwardBlock,
    check_attention,
    check_positive,
    conv_init,
    grid_position,
    xavier_init,
)
from .structures import PixelFeatures

NUM_LEVELS = 3  # maps that the encoder sees


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
        num_levels: int = NUM_LEVELS,
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


class DeformableAttentionBlock(nn.Module):
    """Multi-scale deformable attention with residual, dropout and post-norm.

    Args:
        embed_dim: C.
        num_heads: attention heads; divides C.
        num_points: samples of a head in each map.
        dropout: on the residual branch.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, num_points: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = MSDeformAttention(embed_dim, num_heads, NUM_LEVELS, num_points)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        reference: Tensor,
        shapes: Shapes,
        blocked: Tensor | None = None,
    ) -> Tensor:
        """(B, T, C) to the same shape; arguments as of `MSDeformAttention`."""
        attended = self.attention(x, position, reference, shapes, blocked)
        return self.norm(x + self.dropout(attended))


class DeformableEncoder(nn.Module):
    """Encoder layers over the tokens of three maps.

    Args:
        embed_dim: C.
        num_layers: encoder layers.
        num_heads: attention heads; divides C.
        num_points: samples of a head in each map.
        ffn_dim: width between the linear layers.
        dropout: in every block.
    """

    def __init__(
        self,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        num_points: int,
        ffn_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        check_positive(num_layers=num_layers, ffn_dim=ffn_dim)
        self.embed_dim = embed_dim
        self.level_embed = nn.Parameter(torch.empty(NUM_LEVELS, embed_dim))
        self.attention = nn.ModuleList(
            DeformableAttentionBlock(embed_dim, num_heads, num_points, dropout)
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
        """Encode maps (B, C, h_i, w_i), coarse to fine."""
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


def cell_centres(x: Tensor) -> Tensor:
    """Centres (h * w, 2) of the cells of a map (B, C, h, w): x and y, 0 to 1."""
    height, width = x.shape[-2:]
    rows = (torch.arange(height, dtype=x.dtype, device=x.device) + 0.5) / height
    columns = (torch.arange(width, dtype=x.dtype, device=x.device) + 0.5) / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1)


class MSDeformAttnPixelDecoder(nn.Module):
    """The paper's pixel decoder; it computes in the dtype of its weights, without AMP.

    The three coarsest maps go through the encoder and are the memories, before any
    convolution of the pyramid. With three maps the mask features have the size of the
    finest memory.

    Args:
        in_channels: widths of the backbone's maps, fine to coarse, at least three.
        embed_dim: width of the encoder, of the memories and of the pyramid.
        mask_channels: width of the mask features.
        num_layers: encoder layers.
        num_heads: attention heads; divides ``embed_dim``.
        num_points: samples of a head in each map.
        ffn_dim: width between the linear layers of an encoder layer.
        dropout: in the encoder layers.
        num_groups: groups of the group norms.

    Raises:
        ValueError: There are too few maps, or a width does not fit.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        embed_dim: int = 256,
        mask_channels: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        ffn_dim: int = 1024,
        dropout: float = 0.0,
        num_groups: int = 32,
    ) -> None:
        super().__init__()
        check_positive(mask_channels=mask_channels, num_groups=num_groups)
        check_attention(embed_dim, num_heads)
        _check_widths(in_channels, embed_dim, num_groups)
        self.in_channels = list(in_channels)
        self.mask_channels = mask_channels
        self.memory_channels = (embed_dim,) * NUM_LEVELS
        fine, coarse = self.in_channels[:-NUM_LEVELS], self.in_channels[-NUM_LEVELS:]
        self.input_convs = nn.ModuleList(
            _conv_norm(width, embed_dim, 1, num_groups, bias=True)
            for width in reversed(coarse)
        )
        self.encoder = DeformableEncoder(
            embed_dim, num_layers, num_heads, num_points, ffn_dim, dropout
        )
        self.lateral_convs = nn.ModuleList(
            _conv_norm(width, embed_dim, 1, num_groups) for width in fine
        )
        self.output_convs = nn.ModuleList(
            _conv_norm(embed_dim, embed_dim, 3, num_groups) for _ in fine
        )
        self.mask_conv = nn.Conv2d(embed_dim, mask_channels, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the convolutions; the encoder has initialised itself."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                conv_init(module)
        for conv, _ in self.input_convs:
            nn.init.xavier_uniform_(conv.weight)

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelFeatures:
        """Decode the backbone's maps.

        Args:
            features: maps (B, C_i, h_i, w_i), fine to coarse.
            valid: (B, 2), share of height and width that is image. Positions then
                count the image's cells only, and values in padding are zero; places to
                look at stay as they are. The paper's models do without.

        Returns:
            Mask features (B, mask_channels, h_0, w_0), and the memories
            (B, embed_dim, h_i, w_i) of the three coarsest maps, coarse to fine.
        """
        self._check_features(features)
        with torch.autocast(features[0].device.type, enabled=False):
            maps = [x.to(self.mask_conv.weight.dtype) for x in features]
            fine, coarse = maps[:-NUM_LEVELS], maps[-NUM_LEVELS:]
            memories = self.encoder(
                [
                    conv(x)
                    for conv, x in zip(self.input_convs, reversed(coarse), strict=True)
                ],
                valid,
            )
            x = memories[-1]
            for level in reversed(range(len(fine))):
                lateral = self.lateral_convs[level](fine[level])
                x = lateral + F.interpolate(x, lateral.shape[-2:], mode="bilinear")
                x = self.output_convs[level](x).relu_()
            return PixelFeatures(self.mask_conv(x), memories)

    def _check_features(self, features: Sequence[Tensor]) -> None:
        widths = [x.shape[1] for x in features]
        if widths != self.in_channels:
            raise ValueError(
                f"The backbone's maps have {widths} channels, but in_channels is "
                f"{self.in_channels}: they must agree, fine to coarse."
            )


def _conv_norm(
    n_in: int, n_out: int, kernel: int, num_groups: int, bias: bool = False
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=bias),
        nn.GroupNorm(num_groups, n_out),
    )


def _check_widths(in_channels: Sequence[int], embed_dim: int, num_groups: int) -> None:
    if len(in_channels) < NUM_LEVELS or min(in_channels) <= 0:
        raise ValueError(
            f"in_channels must list the positive widths of at least {NUM_LEVELS} "
            f"backbone maps, fine to coarse, got {list(in_channels)}; for ResNet-50 "
            "it is [256, 512, 1024, 2048]."
        )
    if embed_dim % num_groups:
        raise ValueError(
            f"embed_dim={embed_dim} must be divisible by num_groups={num_groups}."
        )
