"""What the parts of a network hand to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .precision import at_least_float32, without_autocast
from .tiling import Placement


def map_size(maps: Tensor) -> tuple[int, int]:
    """Height and width of maps (..., H, W)."""
    return maps.shape[-2], maps.shape[-1]


def loss_name(name: str, layer: int, num_layers: int) -> str:
    """A loss of one layer by the hosts' convention: ``d{layer}.`` before the last."""
    return name if layer == num_layers - 1 else f"d{layer}.{name}"


class PixelFeatures(NamedTuple):
    """What a pixel decoder makes of the backbone's maps."""

    mask_features: Tensor  # (B, C, h, w), compared with mask embeddings
    memories: tuple[Tensor, ...]  # (B, C_i, h_i, w_i) coarse to fine, for queries

    def check_memories(self, channels: Sequence[int]) -> None:
        """Compare the first memories with what a decoder was built for.

        Args:
            channels: their widths, coarse to fine.

        Raises:
            ValueError: There are fewer, of other widths, or not coarse to fine.
        """
        widths = [x.shape[1] for x in self.memories]
        if widths[: len(channels)] != list(channels):
            raise ValueError(
                f"The pixel decoder gives memories of {widths} channels, but the "
                f"transformer decoder was built with memory_channels={list(channels)}: "
                "they must agree, coarse to fine."
            )
        sizes = [map_size(x) for x in self.memories[: len(channels)]]
        if sizes != sorted(sizes):
            raise ValueError(
                f"The pixel decoder gives memories of {sizes} cells: they must come "
                "coarse to fine."
            )


class LayerOutput(NamedTuple):
    """The prediction of one layer for a batch; what inference needs."""

    class_logits: Tensor | None  # (B, Q, K + 1); None of a per-pixel model
    mask_logits: Tensor  # (B, Q, h, w); of a per-pixel model class logits, Q = K

    def images(self) -> Iterator[tuple[Tensor | None, Tensor]]:
        """Class logits (Q, K + 1) or None, and mask logits (Q, h, w) of each image."""
        if self.class_logits is None:
            return ((None, masks) for masks in self.mask_logits)
        return zip(self.class_logits, self.mask_logits, strict=True)


class ImageLogits(NamedTuple):
    """The prediction of one layer for one image; what the rules of inference take."""

    class_logits: Tensor | None  # (Q, K + 1); None of a per-pixel model
    mask_logits: Tensor  # (Q, h, w); of a per-pixel model class logits, Q = K
    placement: Placement


class ImagePredictions(NamedTuple):
    """:class:`Predictions` of one image."""

    class_logits: Tensor  # (L, Q, K + 1)
    mask_embed: Tensor  # (L, Q, C)
    mask_features: Tensor  # (L or 1, C, h, w)
    boxes: Tensor | None  # (L, Q, 4)


class Predictions(NamedTuple):
    """Outputs of every supervised layer; the last layer is the prediction.

    Mask logits are the product of ``mask_embed`` and ``mask_features`` and are
    formed only where they are needed.
    """

    class_logits: Tensor  # (L, B, Q, K + 1), index K is "no object"
    mask_embed: Tensor  # (L, B, Q, C)
    mask_features: Tensor  # (L, B, C, h, w), or (1, B, C, h, w) shared by all layers
    boxes: Tensor | None = None  # (L, B, Q, 4) centre, width, height in 0..1

    def mask_logits(self, layer: int = -1) -> Tensor:
        """Mask logits (B, Q, h, w) of one layer, in float32 at least."""
        self._check_features()
        shared = len(self.mask_features) == 1
        features = self.mask_features[0 if shared else layer]
        return _product(self.mask_embed[layer], features)

    def layer(self, index: int = -1) -> LayerOutput:
        """The prediction of one layer, in float32 at least."""
        return LayerOutput(
            at_least_float32(self.class_logits[index]), self.mask_logits(index)
        )

    def images(self) -> list[ImagePredictions]:
        """The predictions of every layer, image by image.

        Tensors are unbound, not indexed: the gradient of an index is as large as the
        batch, and there would be one for each image.
        """
        self._check_features()
        parts = [
            [None] * len(self.mask_embed[0]) if x is None else x.unbind(1) for x in self
        ]
        return [ImagePredictions(*image) for image in zip(*parts, strict=True)]

    def _check_features(self) -> None:
        """Raise a ValueError where the features do not fit the embeddings."""
        layers, images, _, channels = self.mask_embed.shape
        found = tuple(self.mask_features.shape)
        wanted = (layers, images, channels)
        if len(found) != 5 or found[:3] not in (wanted, (1, images, channels)):
            raise ValueError(
                f"mask_features of shape {found} must be (L or 1, B, C, h, w) with L, "
                f"B, C = {wanted} as in mask_embed. Of features that all layers share "
                "give mask_features[None]."
            )


class Match(NamedTuple):
    """The n = min(Q, G) matched pairs of one image in every layer."""

    queries: Tensor  # (L, n)
    segments: Tensor  # (L, n), in any order

    def by_segment(self) -> Match:
        """The same pairs, in every layer by ascending segments."""
        order = self.segments.argsort(dim=1)
        return Match(self.queries.gather(1, order), self.segments.gather(1, order))


class PixelPredictions(NamedTuple):
    """Outputs of every supervised layer of a per-pixel model.

    The last layer is the prediction. Class logits are the product of ``class_embed``
    and ``pixel_features``, plus the bias.
    """

    class_embed: Tensor  # (L, B, K, C)
    pixel_features: Tensor  # (B, C, h, w)
    bias: Tensor | None = None  # (K,)

    def class_logits(self, layer: int = -1) -> Tensor:
        """Logits (B, K, h, w) of every class, in float32 at least."""
        logits = _product(self.class_embed[layer], self.pixel_features)
        if self.bias is None:
            return logits
        return logits + at_least_float32(self.bias)[:, None, None]

    def layer(self, index: int = -1) -> LayerOutput:
        """The prediction of one layer."""
        return LayerOutput(None, self.class_logits(index))


def _product(embed: Tensor, features: Tensor) -> Tensor:
    """(B, n, C) and (B, C, h, w) to (B, n, h, w), in float32 at least."""
    embed, features = at_least_float32(embed), at_least_float32(features)
    with without_autocast(features.device):
        return torch.einsum("bqc,bchw->bqhw", embed, features)
