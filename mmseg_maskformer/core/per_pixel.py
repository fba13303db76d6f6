"""The paper's per-pixel baselines: a score of every class at every pixel (4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .layers import MLP, check_positive, conv_init
from .pixel_decoders import FPNPixelDecoder
from .structures import PixelPredictions
from .transformer_decoder import TransformerDecoder


class PerPixelBaseline(nn.Module):
    """Pixel decoder and a linear classifier of pixels.

    With a transformer decoder it is PerPixelBaseline+: query k gives the classifier's
    weights for class k, and there is one classifier per layer.

    Args:
        pixel_decoder: gives mask features and memory.
        num_classes: K.
        transformer_decoder: of K queries.

    Raises:
        ValueError: There are not K queries.
    """

    per_pixel = True

    def __init__(
        self,
        pixel_decoder: FPNPixelDecoder,
        num_classes: int,
        transformer_decoder: TransformerDecoder | None = None,
    ) -> None:
        super().__init__()
        check_positive(num_classes=num_classes)
        channels = pixel_decoder.mask_channels
        self.pixel_decoder = pixel_decoder
        self.transformer_decoder = transformer_decoder
        if transformer_decoder is None:
            self.classifier = nn.Conv2d(channels, num_classes, 1)
            conv_init(self.classifier)
            nn.init.kaiming_normal_(self.classifier.weight, mode="fan_out")
            return
        num_queries = transformer_decoder.query_embed.num_embeddings
        if num_queries != num_classes:
            raise ValueError(
                f"num_queries={num_queries} of a per-pixel model must be num_classes="
                f"{num_classes}; set network.transformer_decoder.num_queries=None."
            )
        width = transformer_decoder.embed_dim
        self.mask_head = MLP(width, width, channels)

    def forward(
        self, features: Sequence[Tensor], padding_mask: Tensor | None = None
    ) -> PixelPredictions:
        """Predict from backbone maps (B, C_i, h_i, w_i), fine to coarse.

        ``padding_mask`` (B, h_last, w_last) hides padded cells from attention.
        """
        pixel_features, memory = self.pixel_decoder(features, padding_mask)
        if self.transformer_decoder is None:
            weight = self.classifier.weight.flatten(1)  # (K, C)
            embed = weight.expand(1, len(pixel_features), -1, -1)
            return PixelPredictions(embed, pixel_features, self.classifier.bias)
        queries = self.transformer_decoder(memory, padding_mask)  # (L, B, K, C)
        return PixelPredictions(self.mask_head(queries), pixel_features)
