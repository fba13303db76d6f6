"""What a network and its parts must offer, for those who write their own.

Features are the backbone's maps (B, C_i, h_i, w_i), fine to coarse. ``valid`` (B, 2) is
the share of the input's height and width that is image and not padding, or None where
all of it counts; every part makes the mask that it needs (``layers.padding_mask``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from .structures import PixelFeatures, PixelPredictions, Predictions


class PixelDecoder(Protocol):
    """A module from the backbone's maps to mask features and memories.

    It is built with ``in_channels``, the widths of the maps.

    Attributes:
        mask_channels: C of the mask features.
        memory_channels: widths of the memories, coarse to fine.
    """

    mask_channels: int
    memory_channels: tuple[int, ...]

    def __call__(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> PixelFeatures:
        """Mask features (B, C, h, w) and memories, coarse to fine."""


class QueryDecoder(Protocol):
    """A module in which queries attend to the memories.

    It is built with ``memory_channels``.

    Attributes:
        embed_dim: width of the queries.
        num_queries: Q.
    """

    embed_dim: int
    num_queries: int

    def __call__(
        self,
        pixels: PixelFeatures,
        mask_head: Callable[[Tensor], Tensor],
        valid: Tensor | None = None,
    ) -> Tensor:
        """Normed query contents (L, B, Q, embed_dim) of the supervised layers.

        ``mask_head`` turns contents into mask embeddings, for decoders that attend
        within masks.
        """


class Network(Protocol):
    """A module from the backbone's maps to predictions.

    Attributes:
        mask_stride: pixels of the input to a cell of the mask features.
        per_pixel: whether it classifies pixels and not masks.
    """

    mask_stride: int
    per_pixel: bool

    def __call__(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> Predictions | PixelPredictions:
        """The predictions of every supervised layer."""
