"""What networks, criteria and their parts must offer, for those who write their own.

Features are the backbone's maps (B, C_i, h_i, w_i), fine to coarse. ``valid`` (B, 2) is
the share of the input's height and width that is image and not padding, or None where
all of it counts; every part makes the mask that it needs (``layers.padding_mask``). The
share is on the CPU if the device has no float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .mask_comparison import MaskComparison
from .structures import Match, PixelFeatures, PixelPredictions, Predictions
from .targets import SegmentTargets


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
        mask_stride: pixels of the input to a cell of the backbone's finest map.
        per_pixel: whether it classifies pixels and not masks.
    """

    mask_stride: int
    per_pixel: bool

    def __call__(
        self, features: Sequence[Tensor], valid: Tensor | None = None
    ) -> Predictions | PixelPredictions:
        """The predictions of every supervised layer."""


@runtime_checkable
class Criterion(Protocol):
    """A module from predictions to losses."""

    def check_classes(self, num_classes: int) -> None:
        """Raise a ValueError if it was built for another number of classes K."""

    def check_network(self, network: Network, num_classes: int) -> None:
        """Raise a ValueError if the network does not predict what is supervised."""

    def __call__(
        self, predictions: Any, targets: Sequence[SegmentTargets]
    ) -> dict[str, Tensor]:
        """Weighted losses () by name, of the predictions of a batch.

        Args:
            predictions: what the network returns.
            targets: one for each image.
        """


@runtime_checkable
class Assigner(Protocol):
    """Matches queries to segments."""

    def __call__(
        self,
        predictions: Predictions,
        targets: Sequence[SegmentTargets],
        masks: MaskComparison | None = None,
    ) -> Sequence[Match]:
        """Pair the queries and segments of each image in every layer.

        ``masks`` is where the criterion compares masks.
        """
