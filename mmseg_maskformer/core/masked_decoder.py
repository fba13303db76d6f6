"""Mask2Former's decoder: queries attend inside their masks (arXiv 2112.01527)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from .argument_checks import (
    check_attention,
    check_choice,
    check_counts,
    check_flags,
    check_widths,
)
from .decoders import TransformerDecoderLayer
from .layers import conv_init, grid_position, xavier_init
from .precision import at_least_float32, without_autocast
from .query_attention import ATTENTION, Level, joined
from .resize import resize
from .structures import PixelFeatures, map_size

CONTENTS = ("supervised", "learned", "zero")


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
        attention: what a query reads of a memory (paper Tables 4a and 4c): "masked",
            "plain" for every cell, "gaussian" for cells near a predicted centre
            (SMCA), or "pooling" for the mean of its mask without attention (K-Net).
        levels: numbers of the memories that are read in turn, 0 is the coarsest; by
            default all (Table 4d).
        joined_levels: every layer reads the cells of all ``levels`` at once instead.
        content: of the queries before the first layer (Tables 4b and X): learned and
            "supervised"; "learned", which masks the first layer and has no loss; or
            "zero", with which the first layer sees everything.
        cross_first: cross-attention before self-attention.

    Raises:
        ValueError: There is no such attention, content or level.

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
        attention: str = "masked",
        levels: Sequence[int] | None = None,
        joined_levels: bool = False,
        content: str = "supervised",
        cross_first: bool = True,
    ) -> None:
        super().__init__()
        check_counts(num_queries=num_queries, num_layers=num_layers, ffn_dim=ffn_dim)
        check_attention(embed_dim, num_heads)
        check_widths("memory_channels", memory_channels)
        check_flags(joined_levels=joined_levels, cross_first=cross_first)
        check_choice("content", content, CONTENTS)
        check_choice("attention", attention, ATTENTION)
        self.memory_channels = list(memory_channels)
        self.levels = _checked_levels(levels, len(memory_channels))
        self.embed_dim = embed_dim
        self.num_queries = num_queries
        self.attention = attention
        self.joined_levels = joined_levels
        self.content = content
        self.cross_first = cross_first
        table = (num_queries, embed_dim)
        self.query_content = None if content == "zero" else nn.Embedding(*table)
        self.query_embed = nn.Embedding(*table)
        self.level_embed = nn.Embedding(len(memory_channels), embed_dim)
        read = self.levels if joined_levels else self.levels[:num_layers]
        self.memory_projections = _projections(memory_channels, read, embed_dim)
        sizes = (embed_dim, num_heads, ffn_dim, dropout)
        self.layers, self.views = _layers(num_layers, attention, cross_first, *sizes)
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
            and supervised like the others) and after each; (L, B, Q, C) after each
            where the first content is not supervised.

        Raises:
            ValueError: The memories are not those that it was built for.
        """
        pixels.check_memories(self.memory_channels)
        levels = self._levels(pixels, valid)
        position = self.query_embed.weight[None]  # (1, Q, C)
        content = self._first_content(len(pixels.mask_features))
        outputs = [] if self.content == "zero" else [self.norm(content)]
        parts = zip(self.layers, self.views, strict=True)
        for index, (layer, view) in enumerate(parts):
            level = levels[index % len(levels)]
            mask = partial(self._mask, mask_head, outputs[-1:], level)
            hidden = view(content, position, level, mask)
            content = layer(content, position, level.tokens, level.position, hidden)
            outputs.append(self.norm(content))
        return torch.stack(outputs[self.content == "learned" :])

    def _first_content(self, batch: int) -> Tensor:
        """(B, Q, C)."""
        if self.query_content is None:
            return torch.zeros_like(self.query_embed.weight).expand(batch, -1, -1)
        return self.query_content.weight.expand(batch, -1, -1)

    def _levels(self, pixels: PixelFeatures, valid: Tensor | None) -> list[Level]:
        """The memories that layers read in turn, as tokens beside mask features."""
        mask_features = at_least_float32(pixels.mask_features.detach())
        levels = []
        for index, project in zip(self.levels, self.memory_projections, strict=False):
            memory = project(pixels.memories[index])
            position, padding = grid_position(memory, valid, self.embed_dim)
            tokens = memory.flatten(2).transpose(1, 2) + self.level_embed.weight[index]
            grid, small = map_size(memory), None
            if ATTENTION[self.attention][0].reads_masks:
                small = resize(mask_features, grid).flatten(2)
            levels.append(Level(tokens, position, small, padding, (grid,)))
        return [joined(levels)] if self.joined_levels else levels

    def _mask(
        self, mask_head: Callable[[Tensor], Tensor], last: list[Tensor], level: Level
    ) -> Tensor | None:
        """What lies outside the masks of the last output, if there is one."""
        if not last:
            return level.padding
        # detached afterwards: under no_grad, autocast would keep halves of the
        # weights of the mask head that pass no gradient on
        mask_embed = mask_head(last[0]).detach()
        assert level.mask_features is not None  # resized for views that read masks
        return self.attention_mask(mask_embed, level.mask_features, level.padding)

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


def _projections(
    memory_channels: Sequence[int], read: Sequence[int], embed_dim: int
) -> nn.ModuleList:
    """For each memory that is read; one of another width is projected."""
    widths = [memory_channels[level] for level in read]
    return nn.ModuleList(
        nn.Identity() if width == embed_dim else nn.Conv2d(width, embed_dim, 1)
        for width in widths
    )


def _layers(
    number: int,
    attention: str,
    cross_first: bool,
    embed_dim: int,
    num_heads: int,
    ffn_dim: int,
    dropout: float,
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Layers that read memories by this attention, and what they see of them."""
    view, reader = ATTENTION[attention]
    layers = (
        TransformerDecoderLayer(
            embed_dim,
            num_heads,
            ffn_dim,
            dropout,
            cross_first=cross_first,
            cross_attention=reader(embed_dim, num_heads, dropout),
        )
        for _ in range(number)
    )
    views = (view(embed_dim, num_heads) for _ in range(number))
    return nn.ModuleList(layers), nn.ModuleList(views)


def _checked_levels(levels: Sequence[int] | None, number: int) -> tuple[int, ...]:
    """The numbers of the memories to read, all of them by default."""
    known = list(range(number))
    if levels is None:
        return tuple(known)
    listed = list(levels) if isinstance(levels, Sequence) else []
    once = all(x in known and listed.count(x) == 1 for x in listed)
    if not listed or not once:
        raise ValueError(
            f"levels={levels!r} must list memories of the pixel decoder, each once; it "
            f"has {known}, coarse to fine. Set it to one or more of these, as in "
            "levels=[0], or leave it out for all."
        )
    return tuple(listed)
