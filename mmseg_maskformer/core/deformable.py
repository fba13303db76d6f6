"""Pixel decoder with multi-scale deformable attention (Mask2Former, arXiv 2112.01527).

Encoder layers run over the tokens of the three coarsest maps at once; what they return
are the memories. Finer maps are fused into the finest of them, for the mask features.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import (
    check_attention,
    check_counts,
    check_groups,
    check_maps,
    check_widths,
)
from .deformable_encoder import DeformableEncoder
from .layers import conv_norm, init_convs
from .precision import without_autocast
from .structures import PixelFeatures

NUM_LEVELS = 3  # maps that the encoder sees


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
        check_counts(mask_channels=mask_channels, num_groups=num_groups)
        check_attention(embed_dim, num_heads)
        check_widths("in_channels", in_channels, NUM_LEVELS)
        check_groups(num_groups, embed_dim=embed_dim)
        self.in_channels = list(in_channels)
        self.mask_channels = mask_channels
        self.memory_channels = (embed_dim,) * NUM_LEVELS
        fine, coarse = self.in_channels[:-NUM_LEVELS], self.in_channels[-NUM_LEVELS:]
        self.input_convs = nn.ModuleList(
            conv_norm(width, embed_dim, 1, num_groups, bias=True)
            for width in reversed(coarse)
        )
        self.encoder = DeformableEncoder(
            embed_dim,
            num_levels=NUM_LEVELS,
            num_layers=num_layers,
            num_heads=num_heads,
            num_points=num_points,
            ffn_dim=ffn_dim,
            dropout=dropout,
        )
        conv = partial(conv_norm, n_out=embed_dim, num_groups=num_groups)
        self.lateral_convs = nn.ModuleList(conv(width, kernel=1) for width in fine)
        self.output_convs = nn.ModuleList(conv(embed_dim, kernel=3) for _ in fine)
        self.mask_conv = nn.Conv2d(embed_dim, mask_channels, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the convolutions; the encoder has initialised itself."""
        init_convs(self)
        for project in self.input_convs:
            conv: nn.Conv2d = project.get_submodule("0")  # type: ignore[assignment]
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
        check_maps(features, self.in_channels)
        with without_autocast(features[0].device):
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
