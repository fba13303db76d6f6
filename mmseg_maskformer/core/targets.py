"""Segments of an image as targets of training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .boxes import centres, span
from .conventions import VOID, WIDE_VOID, free_void
from .messages import ONE_CHANNEL, UNNAMED, other_labels, shown
from .resize import resize_nearest
from .structures import map_size


@dataclass
class SegmentTargets:
    """The G labelled segments of one image.

    Segments that do not overlap are kept as one id map; overlapping ones as masks
    (:meth:`from_masks`).

    Attributes:
        labels: (G,) class indices.
        segment_map: (H, W) ids, or (G, H, W) masks: boolean, or soft ones, whose
            floating numbers between 0 and 1 say how much of a pixel is covered.
        ids: (G,) the id of each segment in ``segment_map``.
        valid: (H, W) boolean, False where a pixel takes no part in matching and
            mask losses; None where every pixel does.
        name: how messages call the image.
    """

    labels: Tensor
    segment_map: Tensor
    ids: Tensor
    valid: Tensor | None = None
    name: str = UNNAMED

    @classmethod
    def from_masks(
        cls,
        labels: Tensor,
        masks: Tensor,
        valid: Tensor | None = None,
        name: str = UNNAMED,
    ) -> SegmentTargets:
        """Targets from G masks (G, H, W) that may overlap, be empty or soft.

        Raises:
            ValueError: A mask of floating numbers has one outside 0..1.
        """
        if masks.is_floating_point() and not ((masks >= 0) & (masks <= 1)).all():
            low, high = masks.min().item(), masks.max().item()
            raise ValueError(
                f"The masks of {name} hold numbers from {low:g} to {high:g}; soft "
                "masks must lie between 0 and 1. Divide them, or give booleans."
            )
        ids = torch.arange(len(labels), device=labels.device)
        return cls(labels, masks, ids, valid, name)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return map_size(self.segment_map)

    def masks(self, segments: Tensor) -> Tensor:
        """Masks (n, H, W) of the ``segments`` (n,) of 0..G-1; boolean unless soft."""
        if self.segment_map.dim() == 3:
            masks = self.segment_map[segments]
            return masks if masks.is_floating_point() else masks.bool()
        return self.segment_map == self.ids[segments, None, None]

    def class_map(self) -> Tensor:
        """(H, W) class of each pixel, -1 where there is none.

        Of overlapping segments the last one counts; a soft one from one half up.
        """
        labels = torch.cat([self.labels, self.labels.new_full((1,), -1)])
        if self.segment_map.dim() == 2:
            return labels[self._numbers()]
        numbers = torch.arange(1, len(self) + 1, device=labels.device)
        covered = self._covered() * numbers[:, None, None]
        empty = covered.new_zeros(1, *self.size)
        return labels[torch.cat([empty, covered]).amax(dim=0) - 1]

    @cached_property
    def boxes(self) -> Tensor:
        """(G, 4) centre x, y, width and height of the segments, in parts of the map.

        A box reaches from the first to one past the last pixel of its segment; that
        of a segment without a pixel is zero.
        """
        rows, columns = self._occupied()
        (left, right), (top, bottom) = span(columns), span(rows)
        return centres(torch.stack([left, top, right, bottom], dim=1))

    def _covered(self) -> Tensor:
        """(G, H, W) boolean: the pixels of each mask, of a soft one from 0.5 up."""
        soft = self.segment_map.is_floating_point()
        return self.segment_map >= 0.5 if soft else self.segment_map.bool()

    def _numbers(self) -> Tensor:
        """(H, W) number of each pixel's segment in an id map, -1 where none."""
        found = self.segment_map.long()
        if not len(self):
            return torch.full_like(found, -1)
        ids, order = self.ids.long().sort()
        place = torch.searchsorted(ids, found).clamp_(max=len(self) - 1)
        return torch.where(ids[place] == found, order[place], -1)

    def _occupied(self) -> tuple[Tensor, Tensor]:
        """Which rows (G, H) and columns (G, W) hold pixels of each segment."""
        if self.segment_map.dim() == 3:
            masks = self._covered()
            return masks.any(dim=2), masks.any(dim=1)
        numbers = self._numbers()
        found = []
        for dim, length in enumerate(self.size):
            place = torch.arange(length, device=numbers.device)
            place = place[:, None] if dim == 0 else place
            # the last row is for pixels of no segment
            occupied = numbers.new_zeros(len(self) + 1, length, dtype=torch.bool)
            occupied[numbers, place.expand(self.size)] = True
            found.append(occupied[:-1])
        return found[0], found[1]

    def resized(self, size: tuple[int, int]) -> SegmentTargets:
        """The same segments on another grid, nearest neighbour."""
        valid = None if self.valid is None else resize_nearest(self.valid, size)
        segment_map = resize_nearest(self.segment_map, size)
        return SegmentTargets(self.labels, segment_map, self.ids, valid, self.name)


def semantic_targets(
    label_maps: Tensor,
    num_classes: int,
    ignore_index: int = VOID,
    ignore_void: bool = False,
    names: list[str] | None = None,
) -> list[SegmentTargets]:
    """One segment per class that occurs in each label map.

    Args:
        label_maps: (B, H, W) integer class of each pixel.
        num_classes: K; valid labels are 0..K-1.
        ignore_index: label of void pixels, no class; 255 is void beside it when
            K <= 255.
        ignore_void: leave void pixels out of matching and mask losses instead of
            counting them as background of every segment.
        names: how messages call the images.

    Raises:
        ValueError: A label is neither a class nor void.
    """
    label_maps = label_maps.long()
    names = names or [UNNAMED] * len(label_maps)
    void = label_maps == ignore_index
    if num_classes <= VOID:
        void |= label_maps == VOID
    wrong = ~void & ((label_maps < 0) | (label_maps >= num_classes))
    # 0..K-1 classes, K void, K + 1 wrong: small values, counted in one pass
    codes = label_maps.masked_fill(void, num_classes).masked_fill(
        wrong, num_classes + 1
    )
    present = _occurring(codes, num_classes + 2)
    for image, row in enumerate(present):
        if row[-1]:
            values = label_maps[image][wrong[image]].unique().tolist()
            raise ValueError(wrong_labels(names[image], values, num_classes))
    codes = codes.to(torch.uint8 if num_classes < 255 else torch.int32)
    device = label_maps.device
    targets = []
    for image, row in enumerate(present):
        labels = row[:num_classes].nonzero().flatten().to(device)
        ids = labels.to(codes.dtype)  # comparing equal types is twice as fast
        valid = ~void[image] if ignore_void else None
        targets.append(SegmentTargets(labels, codes[image], ids, valid, names[image]))
    return targets


def _occurring(codes: Tensor, num_codes: int) -> Tensor:
    """Which codes occur in each map: (B, num_codes) boolean on the CPU."""
    seen = torch.zeros((len(codes), num_codes), dtype=torch.bool, device=codes.device)
    return seen.scatter_(1, codes.flatten(1), True).cpu()


def with_file(name: str, label_map: str | None) -> str:
    """An image as messages call it, with the file of its label map."""
    return f"{name} ({label_map})" if label_map else name


def require_one_channel(labels: Tensor, name: str) -> None:
    """Refuse a label map, (H, W) or (1, H, W), that has several values in a pixel.

    Args:
        labels: of an image, as they are loaded.
        name: of the image, for the message.

    Raises:
        ValueError: It has another shape.
    """
    if len(shape := labels.squeeze(0).shape) != 2:
        raise ValueError(
            f"The label map of {name} has shape {tuple(shape)}; {ONE_CHANNEL}"
        )


def wrong_labels(name: str, values: list[int], num_classes: int) -> str:
    """A sentence about an image whose label map holds values that mean nothing."""
    remedy = other_labels(str(free_void(num_classes)))
    if WIDE_VOID in values:
        remedy = (
            "65535 is void in maps of 16 bits: say ignore_index=65535 to head and "
            "metrics, or let mmseg_maskformer.LabelMapDataset make it 255."
        )
    return (
        f"The label map of {name} holds the value(s) {shown(values)}, but num_classes="
        f"{num_classes} allows 0..{num_classes - 1} and the ignore value. {remedy}"
    )
