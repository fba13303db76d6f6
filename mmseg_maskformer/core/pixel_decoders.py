"""Pixel decoders: backbone features to mask features and memories (paper 3.2).

A pixel decoder takes the backbone's maps fine to coarse and returns the map that masks
are compared with and the maps that queries attend to.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import (
    check_attention,
    check_counts,
    check_flags,
    check_groups,
    check_maps,
    check_widths,
)
from .layers import (
    AttentionBlock,
    FeedForwardBlock,
    conv_norm,
    grid_position,
    init_convs,
    xavier_init,
)
from .structures import PixelFeatures


class TransformerEncoder(nn.Module):
    """Post-norm encoder layers over the cells of one map (DETR).

    Args:
        num_layers: encoder layers.
        embed_dim: C.
        num_heads: attention heads.
        ffn_dim: width of the feed-forward blocks.
        dropout: in every block.
    """

    def __init__(
        self,
        num_layers: int = 6,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_counts(num_layers=num_layers, ffn_dim=ffn_dim)
        check_attention(embed_dim, num_heads)
        self.embed_dim = embed_dim
        self.attention = nn.ModuleList(
            AttentionBlock(embed_dim, num_heads, dropout) for _ in range(num_layers)
        )
        self.feed_forward = nn.ModuleList(
            FeedForwardBlock(embed_dim, ffn_dim, dropout) for _ in range(num_layers)
        )
        xavier_init(self)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Encode a map (B, C, h, w); ``valid`` (B, 2) is the share that is image."""
        position, blocked = grid_position(x, valid, self.embed_dim)
        tokens = x.flatten(2).transpose(1, 2)  # (B, h * w, C)
        for attend, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            tokens = attend(tokens, position, tokens, position, blocked)
            tokens = feed_forward(tokens)
        return tokens.transpose(1, 2).reshape(x.shape)


class FPNPixelDecoder(nn.Module):
    """Feature pyramid with group norm, the paper's pixel decoder.

    Args:
        in_channels: widths of the backbone's maps, one or more, fine to coarse.
        out_channels: width of the pyramid.
        mask_channels: width of the mask features.
        num_groups: groups of the group norms.
        encoder: runs on the coarsest map before the pyramid; its output is then also
            the memory. Without it the memory is the backbone's coarsest map.
        multi_scale_memory: the memories are the three coarsest maps of the pyramid
            instead, after their 3 x 3 convolutions (arXiv 2112.01527, Table 4e).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        mask_channels: int = 256,
        num_groups: int = 32,
        encoder: TransformerEncoder | None = None,
        multi_scale_memory: bool = False,
    ) -> None:
        super().__init__()
        check_counts(out_channels=out_channels, mask_channels=mask_channels)
        check_counts(num_groups=num_groups)
        check_widths("in_channels", in_channels)
        check_flags(multi_scale_memory=multi_scale_memory)
        check_groups(num_groups, out_channels=out_channels)
        *fine_channels, coarse_channels = in_channels
        self.in_channels = list(in_channels)
        self.mask_channels = mask_channels
        self.encoder = encoder
        if encoder is not None:
            self.encoder_projection = nn.Conv2d(coarse_channels, encoder.embed_dim, 1)
            coarse_channels = encoder.embed_dim
        self.multi_scale_memory = multi_scale_memory
        self.memory_channels: tuple[int, ...] = (coarse_channels,)
        if multi_scale_memory:
            self.memory_channels = (out_channels,) * min(3, len(in_channels))
        self.coarse_conv = conv_norm(coarse_channels, out_channels, 3, num_groups)
        self.lateral_convs = nn.ModuleList(
            conv_norm(width, out_channels, 1, num_groups) for width in fine_channels
        )
        self.output_convs = nn.ModuleList(
            conv_norm(out_channels, out_channels, 3, num_groups) for _ in fine_channels
        )
        self.mask_conv = nn.Conv2d(out_channels, mask_channels, 3, padding=1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the convolutions."""
        init_convs(self)

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelFeatures:
        """Decode the backbone's maps.

        Args:
            features: maps (B, C_i, h_i, w_i), fine to coarse.
            valid: (B, 2) share of the input's height and width that is image.

        Returns:
            Mask features (B, mask_channels, h_0, w_0), and the memories.
        """
        memory, pyramid = self.pyramid(features, valid)
        memories = tuple(pyramid[:3]) if self.multi_scale_memory else (memory,)
        return PixelFeatures(self.mask_conv(pyramid[-1]), memories)

    def pyramid(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The pyramid alone, for pixel decoders that are built on it.

        Args:
            features: as above.
            valid: as above.

        Returns:
            The coarsest map, encoded if there is an encoder, and the maps of the
            pyramid (B, out_channels, h_i, w_i), coarse to fine.
        """
        check_maps(features, self.in_channels)
        *fine, memory = features
        if self.encoder is not None:
            memory = self.encoder(self.encoder_projection(memory), valid)
        x = self.coarse_conv(memory).relu_()
        pyramid = [x]
        for level in reversed(range(len(fine))):
            lateral = self.lateral_convs[level](fine[level])
            x = lateral + F.interpolate(x, size=lateral.shape[-2:], mode="nearest")
            x = self.output_convs[level](x).relu_()
            pyramid.append(x)
        return memory, pyramid
