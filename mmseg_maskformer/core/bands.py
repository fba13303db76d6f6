"""Mask logits at the size of a result, a band of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .resize import resize_rows, source_rows
from .structures import at_least_float32

# Elements of an intermediate result; sums of ones in float32 are exact up to 1 << 24.
_TILE = {"cpu": 1 << 20, "cuda": 1 << 24}


class Frame(NamedTuple):
    """Where an image lies in the network's input, and the size of its result.

    Attributes:
        size: height and width of the input, padding included.
        crop: top, bottom, left, right of the part that is not padding.
        out_size: height and width of the result.
    """

    size: tuple[int, int]
    crop: tuple[int, int, int, int]
    out_size: tuple[int, int]

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Frame:
        """An input without padding, and a result of its size."""
        return cls(size, (0, size[0], 0, size[1]), size)

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of the part that is not padding."""
        top, bottom, left, right = self.crop
        return bottom - top, right - left


def tile_size(device: torch.device) -> int:
    """How many elements an intermediate result should have there."""
    return _TILE.get(device.type, _TILE["cuda"])


def mask_bands(
    mask_logits: Tensor,
    frame: Frame,
    tile: int | None = None,
    before_resize: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Bring masks to the input's size, crop, resize to the result, band by band.

    Args:
        mask_logits: (n, h, w) on the network's grid.
        frame: the image's place and the result's size.
        tile: elements of a band, at least one row; default by device.
        before_resize: applied at the size of the input, before the last resize.

    Yields:
        The rows of the result, and the masks (n, rows, W_out) there, float32 at least.
        Nothing where there are no masks.
    """
    if not len(mask_logits):
        return
    mask_logits = at_least_float32(mask_logits)
    height, width = frame.out_size
    shrink = max(1.0, frame.crop_size[0] / height)  # source rows per row
    widest = len(mask_logits) * max(frame.size[1], width)
    step = max(1, int((tile or tile_size(mask_logits.device)) / (widest * shrink)))
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        # inside the loop: a generator must not leave a context open between bands
        with torch.autocast(device_type=mask_logits.device.type, enabled=False):
            band = _rows(mask_logits, frame, rows, before_resize)
        yield slice(*rows), band


def _rows(
    mask_logits: Tensor,
    frame: Frame,
    rows: tuple[int, int],
    before_resize: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Rows of the masks (n, H_out, W_out), see :func:`mask_bands`."""
    top, _, left, right = frame.crop
    same = frame.out_size == frame.crop_size
    height = frame.crop_size[0]
    source = rows if same else source_rows(height, frame.out_size[0], rows)
    input_rows = (top + source[0], top + source[1])
    masks = resize_rows(mask_logits, frame.size, input_rows)[..., left:right]
    if before_resize is not None:
        masks = before_resize(masks)
    if same:
        return masks
    return resize_rows(masks, frame.out_size, rows, height=height, first=source[0])
