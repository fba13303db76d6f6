"""Where predicted masks are compared with segments, in matching and in the losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .losses import MaskLoss, mask_losses
from .structures import SegmentTargets, map_size


class Columns(NamedTuple):
    """The P places of one image at which all queries meet all segments.

    A first dimension of 1 is shared by all layers.
    """

    features: Tensor  # (L or 1, C, P)
    masks: Tensor  # (L or 1, G, P) in 0..1
    weight: Tensor | None = None  # (L or 1, P) in 0..1; None where all count alike

    def layer(self, index: int) -> Columns:
        """What one layer is compared at; first dimensions of 1."""
        return Columns(
            *(x if x is None or len(x) == 1 else x[index : index + 1] for x in self)
        )

    @property
    def shared(self) -> bool:
        """Whether all layers have the same."""
        return all(x is None or len(x) == 1 for x in self)


class MaskComparison(Protocol):
    """Decides at which places masks are compared."""

    def columns(self, features: Tensor, target: SegmentTargets) -> Columns:
        """The places at which one image is matched.

        Args:
            features: mask features (L or 1, C, h, w); the product of an embedding and
                a column is a mask logit.
            target: of the image; has segments.
        """
        ...

    def losses(
        self,
        logits: Tensor,
        segments: Tensor,
        target: SegmentTargets,
        losses: Sequence[MaskLoss],
    ) -> Tensor:
        """Unweighted losses of matched masks, (T, S, R).

        Args:
            logits: (S, R, h, w).
            segments: (S,) the segment, 0..G-1, that each row of logits belongs to.
            target: of one image.
            losses: T loss formulas.
        """
        ...


class DenseMasks:
    """Every pixel is compared: matching on the prediction's grid, losses at full size.

    Pixels that are not valid are left out of both.

    Args:
        chunk: elements upsampled at a time; default by device.
    """

    def __init__(self, chunk: int | None = None) -> None:
        self.chunk = chunk

    def columns(self, features: Tensor, target: SegmentTargets) -> Columns:
        """See :meth:`MaskComparison.columns`."""
        small = target.resized(map_size(features))
        masks = small.masks(torch.arange(len(small), device=features.device))
        features, masks = features.flatten(2), masks.flatten(1).to(features.dtype)
        if small.valid is None:
            return Columns(features, masks[None])
        inside = small.valid.flatten()
        return Columns(features[..., inside], masks[None, :, inside])

    def losses(
        self,
        logits: Tensor,
        segments: Tensor,
        target: SegmentTargets,
        losses: Sequence[MaskLoss],
    ) -> Tensor:
        """See :meth:`MaskComparison.losses`."""
        return mask_losses(logits, segments, target, losses, self.chunk)
