"""BiFPN as a pixel decoder (arXiv 2112.01527, Table 4e)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import check_counts, check_groups, check_maps, check_widths
from .layers import conv_norm, init_convs
from .structures import PixelFeatures, map_size


class FusionNode(nn.Module):
    """Weighted mean of maps of one size, Swish, separable 3 x 3 convolution, norm.

    Weights are kept positive by ReLU and divided by their sum ("fast normalised
    fusion").

    Args:
        num_inputs: how many maps are fused.
        channels: of each and of the result.
        num_groups: groups of the group norm.
    """

    def __init__(self, num_inputs: int, channels: int, num_groups: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_inputs))
        self.depthwise = nn.Conv2d(
            channels, channels, 3, padding=1, groups=channels, bias=False
        )
        self.pointwise = conv_norm(channels, channels, 1, num_groups)

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps (B, C, h_i, w_i) to the size of the first, the node's own."""
        weights = self.weight.relu()
        weights = weights / (weights.sum() + 1e-4)
        size = map_size(maps[0])
        fused = sum(w * resampled(x, size) for w, x in zip(weights, maps, strict=True))
        return self.pointwise(self.depthwise(F.silu(fused)))


def resampled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A map at the size of its neighbour: nearest up, max pooling of stride 2 down."""
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
    return x if map_size(x) == size else F.interpolate(x, size, mode="nearest")


class BiFPNRound(nn.Module):
    """Fusion from coarse to fine, and back from fine to coarse.

    Args:
        num_levels: maps, at least two.
        channels: of every map.
        num_groups: groups of the group norms.
    """

    def __init__(self, num_levels: int, channels: int, num_groups: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            FusionNode(2, channels, num_groups) for _ in range(num_levels - 1)
        )
        self.up = nn.ModuleList(
            # the coarsest map has not been fused on the way down
            FusionNode(2 if level == num_levels - 2 else 3, channels, num_groups)
            for level in range(num_levels - 1)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, C, h_i, w_i), fine to coarse, to the same shapes."""
        *finer, x = maps
        fused = [x]
        for node, own in zip(self.down, reversed(finer), strict=True):
            x = node(own, x)
            fused.insert(0, x)  # fine to coarse
        outputs = [x]
        for level, node in enumerate(self.up, start=1):
            between = [] if level == len(finer) else [fused[level]]
            x = node(maps[level], *between, x)
            outputs.append(x)
        return outputs


class BiFPNPixelDecoder(nn.Module):
    """Maps are fused from coarse to fine and back, several times over.

    The memories are the three coarsest maps of the last round.

    Args:
        in_channels: widths of the backbone's maps, two or more, fine to coarse.
        out_channels: width of all maps.
        mask_channels: width of the mask features.
        num_groups: groups of the group norms.
        num_rounds: how often.

    Raises:
        ValueError: There is one map only, or a width does not fit.

    Source: Tan et al., https://arxiv.org/abs/1911.09070, section 3; without the two
    maps that are coarser than the backbone's, with group norm.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        mask_channels: int = 256,
        num_groups: int = 32,
        num_rounds: int = 6,
    ) -> None:
        super().__init__()
        check_counts(
            out_channels=out_channels,
            mask_channels=mask_channels,
            num_groups=num_groups,
            num_rounds=num_rounds,
        )
        check_widths("in_channels", in_channels)
        check_groups(num_groups, out_channels=out_channels)
        num_levels = len(in_channels)
        if num_levels < 2:
            raise ValueError(
                f"in_channels={list(in_channels)} is one map, and BiFPNPixelDecoder "
                "fuses several; let the backbone return more, or take FPNPixelDecoder."
            )
        self.in_channels = list(in_channels)
        self.mask_channels = mask_channels
        self.memory_channels = (out_channels,) * min(3, num_levels)
        self.input_convs = nn.ModuleList(
            conv_norm(width, out_channels, 1, num_groups) for width in in_channels
        )
        self.rounds = nn.ModuleList(
            BiFPNRound(num_levels, out_channels, num_groups) for _ in range(num_rounds)
        )
        self.mask_conv = nn.Conv2d(out_channels, mask_channels, 3, padding=1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the convolutions; fusion starts with equal weights."""
        init_convs(self)

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelFeatures:
        """Decode the backbone's maps.

        Args:
            features: maps (B, C_i, h_i, w_i), fine to coarse.
            valid: not needed, there is no attention.

        Returns:
            Mask features (B, mask_channels, h_0, w_0), and the memories.
        """
        check_maps(features, self.in_channels)
        maps = [conv(x) for conv, x in zip(self.input_convs, features, strict=True)]
        for fuse in self.rounds:
            maps = fuse(maps)
        return PixelFeatures(self.mask_conv(maps[0]), tuple(reversed(maps[-3:])))
