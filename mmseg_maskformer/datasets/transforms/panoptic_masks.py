"""Masks of MMDetection that are made from a map of numbers when somebody reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures.mask import BitmapMasks
from scipy import ndimage
from torch import Tensor


class MasksOfMap(BitmapMasks):
    """The host's masks of the segments in a map, which alone is kept.

    500 cells of 1024 x 1024 pixels take a MiB and not 500, unless masks are read; what
    the host makes of them (padded, resized, chosen) are masks of its own.

    Args:
        numbers: (H, W) number of each pixel's segment.
        ids: (G,) numbers of the segments that have a mask.
    """

    def __init__(self, numbers: np.ndarray, ids: np.ndarray) -> None:
        self.numbers, self.ids = numbers, ids
        self.height, self.width = numbers.shape

    @classmethod
    def cat(cls, masks: Sequence[BitmapMasks]) -> BitmapMasks:
        """Masks of the host's own, one after the other."""
        return BitmapMasks.cat(masks)

    @property
    def masks(self) -> np.ndarray:
        """(G, H, W) uint8."""
        return (self.numbers == self.ids[:, None, None]).astype(np.uint8)

    def __len__(self) -> int:
        return len(self.ids)

    def boxes(self) -> Tensor:
        """(G, 4) float32, x1, y1, x2, y2; zeros where a segment has no pixel."""
        last = int(self.ids.max(initial=0))
        places = ndimage.find_objects(self.numbers.astype(np.int32), max_label=last)
        corners = np.zeros((len(self.ids), 4), dtype=np.float32)
        for row, number in zip(corners, self.ids, strict=True):
            if place := places[number - 1]:
                (top, bottom), (left, right) = ((x.start, x.stop) for x in place)
                row[:] = left, top, right, bottom
        return torch.from_numpy(corners)
