"""Semantic FPN as a pixel decoder (arXiv 2112.01527, Table 4e)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import conv_norm, init_convs
from .pixel_decoders import FPNPixelDecoder, TransformerEncoder
from .structures import PixelFeatures, map_size


class UpsamplingBranch(nn.Module):
    """3 x 3 convolutions with group norm and ReLU, each before a finer size.

    Args:
        num_convs: how many; with one, there may be no finer size.
        channels: of the map.
        num_groups: groups of the group norms.
    """

    def __init__(self, num_convs: int, channels: int, num_groups: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            conv_norm(channels, channels, 3, num_groups) for _ in range(num_convs)
        )
        init_convs(self)

    def forward(self, x: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """A map (B, C, h, w) at the last of the finer sizes, or at its own."""
        for index, conv in enumerate(self.convs):
            x = conv(x).relu_()
            if sizes:
                x = F.interpolate(x, sizes[index], mode="bilinear")
        return x


class SemanticFPNPixelDecoder(nn.Module):
    """Every map of a feature pyramid is brought to the finest size; their sum is fused.

    On its way a map goes through one 3 x 3 convolution for each finer size, each
    followed by bilinear resizing to that; the finest map through a convolution alone.
    The memories are the three coarsest maps of the pyramid.

    Args:
        in_channels: widths of the backbone's maps, one or more, fine to coarse.
        out_channels: width of the pyramid and of the branches.
        mask_channels: width of the mask features.
        num_groups: groups of the group norms.
        encoder: runs on the coarsest map before the pyramid.

    Source: Kirillov et al., https://arxiv.org/abs/1901.02446, section 3.1.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        mask_channels: int = 256,
        num_groups: int = 32,
        encoder: TransformerEncoder | None = None,
    ) -> None:
        super().__init__()
        self.fpn = FPNPixelDecoder(
            in_channels,
            out_channels,
            mask_channels,
            num_groups,
            encoder,
            multi_scale_memory=True,
        )
        self.mask_channels = mask_channels
        self.memory_channels = self.fpn.memory_channels
        lengths = [*reversed(range(1, len(in_channels))), 1]  # coarse to fine
        self.branches = nn.ModuleList(
            UpsamplingBranch(length, out_channels, num_groups) for length in lengths
        )

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
        _, pyramid = self.fpn.pyramid(features, valid)
        sizes = [map_size(x) for x in pyramid]
        fused = [
            branch(x, sizes[level + 1 :])
            for level, (x, branch) in enumerate(
                zip(pyramid, self.branches, strict=True)
            )
        ]
        mask_features = self.fpn.mask_conv(sum(fused[1:], start=fused[0]))
        return PixelFeatures(mask_features, tuple(pyramid[:3]))
