"""Images of any number of channels, as people see them."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def picture_of(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, red first, of an image (H, W) or (H, W, C).

    Three channels are shown as they are, of more the first three, of fewer the first
    in grey. Of numbers of 16 bits the upper 8 count; floats are on the scale 0..255.
    """
    pixels = image[..., None] if image.ndim == 2 else image
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = pixels.clip(0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def picture_of_loaded(image: np.ndarray) -> np.ndarray:
    """The same of what a pipeline loads, (H, W, C); blue is first of three channels."""
    return picture_of(image[..., ::-1] if image.shape[2] == 3 else image)


def picture_of_input(inputs: Tensor) -> np.ndarray:
    """The same of what a pipeline packs, (C, H, W); blue is first of three channels."""
    return picture_of_loaded(inputs.permute(1, 2, 0).cpu().numpy())
