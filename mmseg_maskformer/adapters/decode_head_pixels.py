"""Any decode head of MMSegmentation as the pixel decoder of a mask classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_maskformer.core.argument_checks import check_counts
from mmseg_maskformer.core.layers import conv_init
from mmseg_maskformer.core.structures import PixelFeatures

# What a head wants to know of its classifier and loss, which are taken away; values
# that no warning of the host is about.
_UNUSED = dict(
    num_classes=3, loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True)
)


class DecodeHeadPixelDecoder(nn.Module):
    """The per-pixel features of a decode head, before its classifier of pixels.

    So any per-pixel model becomes a mask classifier (paper section 3.3). Queries attend
    to the backbone's coarsest map. Masks have the size of the head's output.

    Args:
        in_channels: widths of the backbone's maps, fine to coarse.
        decode_head: config of the head, as in MMSegmentation, without ``num_classes``
            and losses; ``in_channels`` and ``in_index`` are by default all maps.
        mask_channels: width of the mask features.

    Raises:
        ValueError: It is no decode head that classifies pixels by one convolution.
    """

    unbuilt = ("decode_head",)  # this class builds it from the config

    def __init__(
        self,
        in_channels: Sequence[int],
        decode_head: dict[str, Any],
        mask_channels: int = 256,
    ) -> None:
        super().__init__()
        check_counts(mask_channels=mask_channels)
        every = dict(
            in_channels=list(in_channels), in_index=list(range(len(in_channels)))
        )
        head = MODELS.build({**every, **decode_head, **_UNUSED})
        if not isinstance(head, BaseDecodeHead) or not hasattr(head, "conv_seg"):
            raise ValueError(
                f"pixel_decoder.decode_head.type={decode_head['type']!r} has no "
                "convolution conv_seg to be replaced; use a decode head of "
                "MMSegmentation that has, such as UPerHead."
            )
        head.conv_seg = nn.Identity()
        head.dropout = None
        self.head = head
        self.mask_channels = mask_channels
        self.memory_channels = (in_channels[-1],)
        self.mask_conv = nn.Conv2d(head.channels, mask_channels, 1)
        conv_init(self.mask_conv)

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelFeatures:
        """Decode the backbone's maps (B, C_i, h_i, w_i), fine to coarse.

        ``valid`` is not needed: convolutions see padding as zeros.
        """
        return PixelFeatures(self.mask_conv(self.head(features)), (features[-1],))
