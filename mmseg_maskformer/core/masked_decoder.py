"""Mask2Former's decoder: queries attend inside their masks (arXiv 2112.01527)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .argument_checks import check_attention, check_counts, check_flags, check_widths
from .decoders import TransformerDecoderLayer
from .layers import conv_init, grid_position, xavier_init
from .precision import at_least_float32, without_autocast
from .resize import resize
from .structures import PixelFeatures, map_size


class _Level(NamedTuple):
    """A memory as queries attend to it, h * w cells."""

    tokens: Tensor  # (B, h * w, C) with the embedding of the level
    position: Tensor  # (B or 1, h * w, C)
    mask_features: Tensor  # (B, mask channels, h * w), float32, no gradient
    padding: Tensor | None  # (B, h * w), True in padding


class MaskedTransformerDecoder(nn.Module):
    """Learned queries attend to one memory after another, each inside its own mask.

    Layer i attends to memory i modulo their number, in the order cross-attention,
    self-attention, feed-forward. A cell is hidden from a query where the mask that
    the query had before the layer, resized to the memory, is below one half.

    Resizing is linear and so is the product that gives masks: the mask features are
    resized once to every memory, and no mask of full size is made between layers.

    Args:
        memory_channels: widths of the memories, coarse to fine; another width than
            ``embed_dim`` is projected by a 1x1 convolution.
        num_queries: Q.
        num_layers: L.
        embed_dim: C.
        num_heads: attention heads.
        ffn_dim: width of the feed-forward blocks.
        dropout: in every block.
        masked_attention: without it queries see every cell of the memory, plain
            cross-attention (paper Table 4a).

    Source: Cheng et al., https://arxiv.org/abs/2112.01527.
    """

    def __init__(
        self,
        memory_channels: Sequence[int],
        num_queries: int = 100,
        num_layers: int = 9,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        dropout: float = 0.0,
        masked_attention: bool = True,
    ) -> None:
        super().__init__()
        check_counts(num_queries=num_queries, num_layers=num_layers, ffn_dim=ffn_dim)
        check_attention(embed_dim, num_heads)
        check_widths("memory_channels", memory_channels)
        check_flags(masked_attention=masked_attention)
        self.memory_channels = list(memory_channels)
        self.embed_dim = embed_dim
        self.num_queries = num_queries
        self.masked_attention = masked_attention
        self.query_content = nn.Embedding(num_queries, embed_dim)
        self.query_embed = nn.Embedding(num_queries, embed_dim)
        self.level_embed = nn.Embedding(len(memory_channels), embed_dim)
        self.memory_projections = nn.ModuleList(
            nn.Identity() if width == embed_dim else nn.Conv2d(width, embed_dim, 1)
            for width in memory_channels[:num_layers]  # the others are never read
        )
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dim, num_heads, ffn_dim, dropout, cross_first=True
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier for the layers; the three embeddings keep N(0, 1)."""
        xavier_init(self.layers)
        for projection in self.memory_projections:
            if isinstance(projection, nn.Conv2d):
                conv_init(projection)

    def forward(
        self,
        pixels: PixelFeatures,
        mask_head: Callable[[Tensor], Tensor],
        valid: Tensor | None = None,
    ) -> Tensor:
        """Decode the queries.

        Args:
            pixels: mask features and memories, coarse to fine.
            mask_head: gives the mask embedding of normed content.
            valid: (B, 2) share of the height and width that is image; what is beyond
                is hidden. None lets the queries see everything, as the authors do.

        Returns:
            (L + 1, B, Q, C) normed query content, before the first layer (learned,
            and supervised like the others) and after each.

        Raises:
            ValueError: The memories are not those that it was built for.
        """
        pixels.check_memories(self.memory_channels)
        levels = self._levels(pixels, valid)
        position = self.query_embed.weight[None]  # (1, Q, C)
        content = self.query_content.weight.expand(len(pixels.mask_features), -1, -1)
        outputs = [self.norm(content)]
        for index, layer in enumerate(self.layers):
            level = levels[index % len(levels)]
            blocked = level.padding
            if self.masked_attention:
                # detached afterwards: under no_grad, autocast would keep halves of the
                # weights of the mask head that pass no gradient on
                mask_embed = mask_head(outputs[-1]).detach()
                blocked = self.attention_mask(mask_embed, level.mask_features, blocked)
            content = layer(content, position, level.tokens, level.position, blocked)
            outputs.append(self.norm(content))
        return torch.stack(outputs)

    def _levels(self, pixels: PixelFeatures, valid: Tensor | None) -> list[_Level]:
        """The memories that layers read, each as tokens beside its mask features."""
        mask_features = at_least_float32(pixels.mask_features.detach())
        levels = []
        for index, project in enumerate(self.memory_projections):
            memory = project(pixels.memories[index])
            position, padding = grid_position(memory, valid, self.embed_dim)
            tokens = memory.flatten(2).transpose(1, 2) + self.level_embed.weight[index]
            small = resize(mask_features, map_size(memory)).flatten(2)
            levels.append(_Level(tokens, position, small, padding))
        return levels

    def attention_mask(
        self, mask_embed: Tensor, mask_features: Tensor, padding: Tensor | None
    ) -> Tensor:
        """What queries must not see of a memory of h * w cells.

        A query that would see nothing sees everything but padding.

        Args:
            mask_embed: (B, Q, mask channels).
            mask_features: (B, mask channels, h * w), resized to the memory, float32.
            padding: (B, h * w) boolean, True in padding, or None.

        Returns:
            (B, Q, h * w) boolean.
        """
        with without_autocast(mask_embed.device):
            logits = at_least_float32(mask_embed) @ mask_features
        blocked = logits < 0
        if padding is None:
            return blocked & ~blocked.all(-1, keepdim=True)
        padding = padding[:, None]
        blocked |= padding
        return (blocked & ~blocked.all(-1, keepdim=True)) | padding
