"""The layer of both query decoders, and the decoder of MaskFormer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .argument_checks import check_attention, check_counts, check_flags, check_widths
from .layers import (
    AttentionBlock,
    FeedForwardBlock,
    conv_init,
    grid_position,
    xavier_init,
)
from .structures import PixelFeatures


class TransformerDecoderLayer(nn.Module):
    """Self-attention among queries, cross-attention to the memory, feed-forward.

    Args:
        embed_dim: C.
        num_heads: attention heads.
        ffn_dim: width of the feed-forward block.
        dropout: in every block.
        self_attention: without it queries know nothing of each other.
        cross_first: cross-attention before self-attention, as Mask2Former has it.
        cross_attention: reads the memory in the place of an :class:`AttentionBlock`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ffn_dim: int,
        dropout: float,
        self_attention: bool = True,
        cross_first: bool = False,
        cross_attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.cross_first = cross_first
        self.self_attention = (
            AttentionBlock(embed_dim, num_heads, dropout) if self_attention else None
        )
        self.cross_attention = cross_attention or AttentionBlock(
            embed_dim, num_heads, dropout
        )
        self.feed_forward = FeedForwardBlock(embed_dim, ffn_dim, dropout)

    def forward(
        self,
        content: Tensor,
        query_pos: Tensor,
        memory: Tensor,
        memory_pos: Tensor,
        blocked: Tensor | None,
    ) -> Tensor:
        """Update the query content (B, Q, C) from the memory (B, h * w, C).

        ``blocked`` is True where memory must not be seen, (B, h * w) by all queries
        or (B, Q, h * w) by each; numbers (B, heads, Q, h * w) are added to the logits.
        """
        memory_seen = (memory, memory_pos, blocked)
        if self.cross_first:
            content = self.cross_attention(content, query_pos, *memory_seen)
        if self.self_attention is not None:
            content = self.self_attention(content, query_pos, content, query_pos)
        if not self.cross_first:
            content = self.cross_attention(content, query_pos, *memory_seen)
        return self.feed_forward(content)


class TransformerDecoder(nn.Module):
    """DETR's decoder: content starts at zero, learned queries are positions.

    Every layer attends to the coarsest memory. One final LayerNorm is shared by all
    layers' outputs; the stream from layer to layer stays un-normed.

    Args:
        memory_channels: widths of the memories, coarse to fine; if the first differs
            from ``embed_dim``, it is projected by a 1x1 convolution.
        num_queries: Q.
        num_layers: L, all of them supervised.
        embed_dim: C.
        num_heads: attention heads.
        ffn_dim: width of the feed-forward blocks.
        dropout: in every block.
        self_attention: among queries (paper Table VIII removes it).
    """

    def __init__(
        self,
        memory_channels: Sequence[int],
        num_queries: int = 100,
        num_layers: int = 6,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        dropout: float = 0.1,
        self_attention: bool = True,
    ) -> None:
        super().__init__()
        check_counts(num_queries=num_queries, num_layers=num_layers, ffn_dim=ffn_dim)
        check_attention(embed_dim, num_heads)
        check_widths("memory_channels", memory_channels)
        check_flags(self_attention=self_attention)
        self.memory_channels = list(memory_channels[:1])
        self.embed_dim = embed_dim
        self.num_queries = num_queries
        self.query_embed = nn.Embedding(num_queries, embed_dim)
        self.memory_projection: nn.Module = nn.Identity()
        if memory_channels[0] != embed_dim:
            self.memory_projection = nn.Conv2d(memory_channels[0], embed_dim, 1)
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dim, num_heads, ffn_dim, dropout, self_attention
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier for the layers; the query embedding keeps N(0, 1)."""
        xavier_init(self.layers)
        if isinstance(self.memory_projection, nn.Conv2d):
            conv_init(self.memory_projection)

    def forward(
        self,
        pixels: PixelFeatures,
        mask_head: Callable[[Tensor], Tensor],
        valid: Tensor | None = None,
    ) -> Tensor:
        """Decode the queries.

        Args:
            pixels: of the pixel decoder.
            mask_head: not needed by this decoder, which does not look at masks.
            valid: (B, 2) share of the input that is image; None lets the queries see
                everything, as the paper's authors do.

        Returns:
            (L, B, Q, C) normed query content after each layer.

        Raises:
            ValueError: The memory is not the one that it was built for.
        """
        pixels.check_memories(self.memory_channels)
        memory = self.memory_projection(pixels.memories[0])
        memory_pos, blocked = grid_position(memory, valid, self.embed_dim)
        tokens = memory.flatten(2).transpose(1, 2)  # (B, h * w, C)
        query_pos = self.query_embed.weight[None]  # (1, Q, C)
        content = torch.zeros_like(query_pos).expand(len(tokens), -1, -1)
        outputs = []
        for layer in self.layers:
            content = layer(content, query_pos, tokens, memory_pos, blocked)
            outputs.append(content)
        return self.norm(torch.stack(outputs))
