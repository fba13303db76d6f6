"""Loading of images with errors that name the file, and resizing, for every host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile, Resize
from PIL import Image, UnidentifiedImageError


class LoadImage(LoadImageFromFile):
    """The host's image loading through Pillow, with a sentence where it fails.

    Grey images become three equal channels, the alpha channel of RGBA is dropped, and
    the orientation stored by cameras is applied. Takes the host's other arguments.

    Raises:
        OSError: The file is missing, incomplete or no image.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"imdecode_backend": "pillow", **kwargs})

    def transform(self, results: dict) -> dict | None:
        """Add ``img`` (H, W, 3) uint8 in BGR order, ``img_shape``, ``ori_shape``."""
        with naming("image", results["img_path"]):
            return super().transform(results)


class ResizeWithLabels(Resize):
    """The host's resizing by the rules of the paper's code.

    Pillow resizes the image, which averages when it shrinks. Labels keep their type
    and values: pixel i of a map of classes takes source pixel
    floor(i * source / target), in rows and in columns; a map of panoptic segments
    (``LoadPanopticMap``) takes the pixels that Pillow finds nearest,
    floor((i + 1/2) * source / target). Takes the host's arguments, alone or through
    ``RandomChoiceResize(resize_type="mmseg_maskformer.ResizeWithLabels", ...)``; with
    ``keep_ratio`` a side v becomes int(factor * v + 0.5).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"backend": "pillow", **kwargs})

    def _resize_seg(self, results: dict) -> None:
        """Bring label maps (H, W) to the new size of the image."""
        place = _centre if "segments" in results else _upper_left
        for key in {"gt_seg_map", *results.get("seg_fields", ())}:
            labels = results.get(key)
            if labels is not None:
                rows, columns = map(place, labels.shape, results["img_shape"])
                results[key] = labels[rows][:, columns]


def _upper_left(source: int, target: int) -> np.ndarray:
    """(target,) places of the source pixels at the upper left, integer arithmetic."""
    return np.arange(target) * source // target


def _centre(source: int, target: int) -> np.ndarray:
    """(target,) places of the source pixels that Pillow finds nearest."""
    line = Image.fromarray(np.arange(source, dtype=np.int32)[None])
    return np.asarray(line.resize((target, 1), Image.Resampling.NEAREST))[0]


@contextmanager
def naming(kind: str, path: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a sentence with the file's path."""
    try:
        yield
    except Exception as error:
        raise OSError(
            f"The {kind} {path} cannot be read ({_reason(error)}). Check that the file "
            "exists and is complete, and data_root and data_prefix of the data set."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is empty or no image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
