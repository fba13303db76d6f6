"""Where predicted masks are compared with segments, in matching and in the losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from .argument_checks import check_counts, check_not_negative
from .losses import Chunk, MaskLoss, mask_losses, slices, streamed
from .points import (
    CHUNK,
    in_reading_order,
    sample,
    sample_masks,
    sample_own,
    sample_valid,
    uncertain,
)
from .signed_logits import SignedLogits
from .structures import map_size
from .targets import SegmentTargets
from .tiling import of_device


class Columns(NamedTuple):
    """The P places of one image at which all queries meet all segments.

    A first dimension of 1 is shared by all layers.
    """

    features: Tensor  # (L or 1, C, P)
    masks: Tensor  # (L or 1, G, P) in 0..1, times ``counts``
    counts: Tensor | None = None  # (L or 1, P) in 0..1; None where all count alike

    def layer(self, index: int) -> Columns:
        """What one layer is compared at, without the first dimension."""
        features, masks = (x[min(index, len(x) - 1)] for x in self[:2])
        counts = self.counts
        if counts is not None:
            counts = counts[min(index, len(counts) - 1)]
        return Columns(features, masks, counts)

    @property
    def shared(self) -> bool:
        """Whether all layers have the same."""
        return all(x is None or len(x) == 1 for x in self)


@runtime_checkable
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
    """

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
        return mask_losses(logits, segments, target, losses)


class PointMasks:
    """Random points are compared, as Mask2Former does (arXiv 2112.01527, section 3.3).

    One image is matched at ``num_points`` points drawn uniformly, the same for all
    queries, segments and layers. The losses of a matched mask are taken at the
    ``importance_ratio`` of ``num_points`` that are nearest to its edge among
    ``oversample_ratio`` times as many, and at uniform points for the rest. Features,
    logits and segments are sampled bilinearly. Points are drawn by torch's generator
    of the device.

    A point counts as much as the pixels around it are valid.

    Args:
        num_points: P, of an image in matching, and of a mask in the losses.
        oversample_ratio: candidates are this many times P, at least 1.
        importance_ratio: share of P that are chosen among the candidates, 0..1.

    Raises:
        ValueError: A ratio is outside its range, or there is no point.
    """

    def __init__(
        self,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_ratio: float = 0.75,
    ) -> None:
        check_counts(num_points=num_points)
        check_not_negative(
            oversample_ratio=oversample_ratio, importance_ratio=importance_ratio
        )
        if not 1 <= oversample_ratio < torch.inf or importance_ratio > 1:
            raise ValueError(
                f"PointMasks has oversample_ratio={oversample_ratio!r} and "
                f"importance_ratio={importance_ratio!r}; the first must be at least 1, "
                "the second between 0 and 1."
            )
        self.num_points = num_points
        self.num_candidates = int(num_points * oversample_ratio)
        self.num_chosen = int(num_points * importance_ratio)

    def random_points(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Points (*shape, 2), x and y in 0..1, on the device of ``like``.

        Override it to give the points. Of each image it is asked for (1, P) of its
        matching, to which (L, P) may be the answer, and, a few masks (s, r) of the
        matched (S, R) at a time, for (s, r, 3 P) candidates and (s, r, P / 4) others;
        the numbers are those of the default ratios.
        """
        return torch.rand(*shape, 2, dtype=like.dtype, device=like.device)

    def columns(self, features: Tensor, target: SegmentTargets) -> Columns:
        """See :meth:`MaskComparison.columns`."""
        points = self.random_points((1, self.num_points), features)  # (L or 1, P, 2)
        points = in_reading_order(points, map_size(features))
        segments = torch.arange(len(target), device=features.device)
        masks = torch.stack([sample_masks(target, segments, x[None]) for x in points])
        found = sample(*_paired(features, points))
        counts = sample_valid(target, points)
        if counts is None:
            return Columns(found, masks)
        return Columns(found, masks * counts[:, None], counts)

    def losses(
        self,
        logits: Tensor,
        segments: Tensor,
        target: SegmentTargets,
        losses: Sequence[MaskLoss],
    ) -> Tensor:
        """See :meth:`MaskComparison.losses`."""
        num_masks = self._num_masks(logits)
        points = self._chosen(logits.detach(), target, num_masks)  # (S, R, P, 2)
        values = sample_own(logits.flatten(0, 1), points.flatten(0, 1))
        chunks = partial(_chunks, points, segments, target, num_masks)
        return streamed(values.view(points.shape[:3])[:, :, None], losses, chunks)

    def _num_masks(self, logits: Tensor) -> int:
        """How many masks are looked at at a time."""
        return max(1, of_device(CHUNK, logits.device) // self.num_candidates)

    def _chosen(self, logits: Tensor, target: SegmentTargets, num_masks: int) -> Tensor:
        """Points (S, R, P, 2) at which logits (S, R, h, w) are compared."""
        chosen = logits.new_empty(*logits.shape[:2], self.num_points, 2)
        for rows, layers in slices(logits, num_masks):
            some = logits[rows, layers]
            candidates = self.random_points(
                (*some.shape[:2], self.num_candidates), some
            ).flatten(0, 1)
            near = uncertain(
                sample(some.flatten(0, 1)[:, None], candidates)[:, 0],
                candidates,
                self.num_chosen,
                sample_valid(target, candidates),
            )
            chosen[rows, layers, : self.num_chosen] = near.view(*some.shape[:2], -1, 2)
            chosen[rows, layers, self.num_chosen :] = self.random_points(
                (*some.shape[:2], self.num_points - self.num_chosen), some
            )
        return chosen


def _chunks(
    points: Tensor,
    segments: Tensor,
    target: SegmentTargets,
    num_masks: int,
    logits: Tensor,
) -> Iterator[Chunk]:
    """Logits (S, R, 1, P) at their points beside the target, a few masks at a time."""
    for rows, layers in slices(logits, num_masks):
        some = logits[rows, layers]
        places = points[rows, layers]
        masks = sample_masks(target, segments[rows], places.flatten(1, 2))
        counts = sample_valid(target, places.flatten(0, 1))
        if counts is not None:
            counts = counts.view_as(some)
        signed = SignedLogits(some, masks.view_as(some), counts, soft=True)
        yield Chunk(rows, layers, signed, to_grid=_as_they_are)


def _as_they_are(grad: Tensor) -> Tensor:
    return grad


def _paired(maps: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """As many maps (L or 1, C, h, w) as sets of points (L or 1, P, 2)."""
    number = max(len(maps), len(points))
    return maps.expand(number, -1, -1, -1), points.expand(number, -1, -1)
