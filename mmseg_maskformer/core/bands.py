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
    widest = len(mask_logits) * max(frame.size[1], width)
    step = band_height(widest, frame, tile or tile_size(mask_logits.device))
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        yield slice(*rows), mask_rows(mask_logits, frame, rows, before_resize)


def band_height(row_elements: int, frame: Frame, tile: int) -> int:
    """Rows of a result, at least one, that take about ``tile`` elements to make.

    ``row_elements`` is the size of one row, before or after the resize.
    """
    shrink = max(1.0, frame.crop_size[0] / frame.out_size[0])  # source rows per row
    return max(1, int(tile / (row_elements * shrink)))


def mask_rows(
    mask_logits: Tensor,
    frame: Frame,
    rows: tuple[int, int],
    before_resize: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Some rows (n, rows, W_out) of the masks of :func:`mask_bands`."""
    masks = at_least_float32(mask_logits)

    def at_input(input_rows: tuple[int, int]) -> Tensor:
        band = resize_rows(masks, frame.size, input_rows)
        band = band[..., frame.crop[2] : frame.crop[3]]
        return band if before_resize is None else before_resize(band)

    # here and not in the bands: a generator must not leave a context open between them
    with torch.autocast(device_type=masks.device.type, enabled=False):
        return frame_rows(at_input, frame, rows)


def frame_rows(
    at_input: Callable[[tuple[int, int]], Tensor], frame: Frame, rows: tuple[int, int]
) -> Tensor:
    """Rows of a result from rows of the input.

    Args:
        at_input: gives maps (n, rows, W) of the part of the input that is not padding,
            for a first and one past the last row of the input.
        frame: the image's place and the result's size.
        rows: first and one past the last row wanted.

    Returns:
        (n, rows, W_out).
    """
    top, (height, _) = frame.crop[0], frame.crop_size
    same = frame.out_size == frame.crop_size
    source = rows if same else source_rows(height, frame.out_size[0], rows)
    maps = at_input((top + source[0], top + source[1]))
    if same:
        return maps
    return resize_rows(maps, frame.out_size, rows, height=height, first=source[0])
