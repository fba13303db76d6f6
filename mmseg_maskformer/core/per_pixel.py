"""The paper's per-pixel baselines: a score of every class at every pixel (4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .argument_checks import check_counts
from .layers import MLP, conv_init
from .protocols import PixelDecoder, QueryDecoder
from .structures import PixelPredictions


class PerPixelBaseline(nn.Module):
    """Pixel decoder and a linear classifier of pixels.

    With a transformer decoder it is PerPixelBaseline+: query k gives the classifier's
    weights for class k, and there is one classifier per layer.

    Args:
        pixel_decoder: gives mask features and memories.
        num_classes: K.
        transformer_decoder: of K queries.
        mask_stride: pixels of the input to a cell of the backbone's finest map.

    Raises:
        ValueError: There are not K queries.
    """

    per_pixel = True

    def __init__(
        self,
        pixel_decoder: PixelDecoder,
        num_classes: int,
        transformer_decoder: QueryDecoder | None = None,
        mask_stride: int = 4,
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes, mask_stride=mask_stride)
        self.mask_stride = mask_stride
        channels = pixel_decoder.mask_channels
        self.pixel_decoder = pixel_decoder
        self.transformer_decoder = transformer_decoder
        if transformer_decoder is None:
            self.classifier = nn.Conv2d(channels, num_classes, 1)
            conv_init(self.classifier)
            nn.init.kaiming_normal_(self.classifier.weight, mode="fan_out")
            return
        num_queries = transformer_decoder.num_queries
        if num_queries != num_classes:
            raise ValueError(
                f"num_queries={num_queries} of a per-pixel model must be num_classes="
                f"{num_classes}; set network.transformer_decoder.num_queries=None."
            )
        width = transformer_decoder.embed_dim
        self.mask_head = MLP(width, channels)

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelPredictions:
        """Predict from backbone maps (B, C_i, h_i, w_i), fine to coarse.

        ``valid`` (B, 2), the share of the input's height and width that is image,
        hides the rest from attention.
        """
        pixels = self.pixel_decoder(features, valid)
        if self.transformer_decoder is None:
            weight = self.classifier.weight.flatten(1)  # (K, C)
            embed = weight.expand(1, len(pixels.mask_features), -1, -1)
            return PixelPredictions(embed, pixels.mask_features, self.classifier.bias)
        # (L, B, K, C)
        queries = self.transformer_decoder(pixels, self.mask_head, valid)
        return PixelPredictions(self.mask_head(queries), pixels.mask_features)
