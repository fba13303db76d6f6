"""MaskFormer behind a backbone: features to class logits and mask embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .argument_checks import check_counts, check_flags
from .layers import MLP
from .precision import at_least_float32
from .protocols import PixelDecoder, QueryDecoder
from .structures import Predictions


class MaskFormer(nn.Module):
    """Pixel decoder, transformer decoder, class head and mask head (paper Fig. 2).

    Args:
        pixel_decoder: gives mask features and memories.
        transformer_decoder: gives the query content of each supervised layer.
        num_classes: K, without "no object".
        with_boxes: predict a box per query beside its mask (paper Table 5).
        mask_stride: pixels of the input to a cell of the backbone's finest map.

    Raises:
        ValueError: There is no transformer decoder.
    """

    per_pixel = False

    def __init__(
        self,
        pixel_decoder: PixelDecoder,
        transformer_decoder: QueryDecoder,
        num_classes: int,
        with_boxes: bool = False,
        mask_stride: int = 4,
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes, mask_stride=mask_stride)
        check_flags(with_boxes=with_boxes)
        if transformer_decoder is None:
            raise ValueError(
                "network.transformer_decoder=None gives MaskFormer no queries; set it, "
                "or network.type='PerPixelBaseline'."
            )
        self.mask_stride = mask_stride
        embed_dim = transformer_decoder.embed_dim
        self.pixel_decoder = pixel_decoder
        self.transformer_decoder = transformer_decoder
        self.class_head = nn.Linear(embed_dim, num_classes + 1)
        self.mask_head = MLP(embed_dim, pixel_decoder.mask_channels)
        self.box_head = MLP(embed_dim, 4) if with_boxes else None

    @property
    def num_queries(self) -> int:
        """Q."""
        return self.transformer_decoder.num_queries

    @property
    def with_boxes(self) -> bool:
        """Whether a box is predicted beside each mask."""
        return self.box_head is not None

    def forward(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> Predictions:
        """Predict from backbone maps (B, C_i, h_i, w_i), fine to coarse.

        ``valid`` (B, 2), the share of the input's height and width that is image,
        hides the rest from attention.
        """
        pixels = self.pixel_decoder(features, valid)
        # (L, B, Q, C)
        queries = self.transformer_decoder(pixels, self.mask_head, valid)
        return Predictions(
            class_logits=self.class_head(queries),
            mask_embed=self.mask_head(queries),
            mask_features=pixels.mask_features[None],
            boxes=self._boxes(queries),
        )

    def _boxes(self, queries: Tensor) -> Tensor | None:
        """(L, B, Q, 4) in float32: half precision is too coarse for 0..1."""
        if self.box_head is None:
            return None
        return at_least_float32(self.box_head(queries)).sigmoid()
