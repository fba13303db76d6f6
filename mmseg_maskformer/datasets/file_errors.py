"""Errors that name the file that cannot be read, or the image that is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mmseg_maskformer.core.conventions import VOID, WIDE_VOID
from mmseg_maskformer.core.messages import ONE_CHANNEL, image_name

JPEG = b"\xff\xd8"  # how such files begin
_SETTINGS = {  # what names a file, where it is not the folder of its data set
    "annotation file": "ann_file of the data set, and of the metric in val_evaluator "
    "and test_evaluator",
    "list of images": "data_root and ann_file of the data set",
}
NOT_AN_IMAGE = (
    "images have 8 or 16 bits without a sign (uint8, uint16). Scale its numbers to "
    "0..255 or 0..65535; docs/images.md shows how."
)


def as_pixels(image: Any, name: str) -> np.ndarray:
    """An image with numbers in the order of bytes of this machine.

    Raises:
        ValueError: It is no (H, W) or (H, W, C), or empty.
    """
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ValueError(
            f"{name} has shape {pixels.shape}; give one image (H, W) or (H, W, C) that "
            "is not empty."
        )
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def refuse_jpeg(content: bytes, kind: str, path: str) -> None:
    """Refuse a map of labels that is compressed as a photograph.

    Raises:
        ValueError: It is a JPEG, whatever its suffix.
    """
    if bytes(content[:2]) == JPEG:
        raise ValueError(
            f"The {kind} {path} is a JPEG, which changes numbers along borders. Write "
            "it as PNG again from where it was drawn."
        )


def check_label_map(labels: np.ndarray, path: str) -> None:
    """Refuse what is no map (H, W) of integers from 0 to 65535.

    Raises:
        ValueError: It has colours, other numbers or other values.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "biu":
        raise ValueError(
            f"The label map {path} has shape {labels.shape} and type {labels.dtype}; "
            f"{ONE_CHANNEL}"
        )
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    if low < 0 or high > WIDE_VOID:
        value = low if low < 0 else high
        raise ValueError(
            f"The label map {path} has the value {value}; labels are 0 to {WIDE_VOID}."
            f" Write {VOID} where a pixel is void, {WIDE_VOID} if {VOID} is a class."
        )


def require_size_of_image(kind: str, shape: Sequence[int], results: dict) -> None:
    """Refuse a map whose height and width are not those of the image that was loaded.

    Raises:
        ValueError: They differ.
    """
    size = tuple(results.get("ori_shape", shape[:2]))
    if tuple(shape[:2]) != size:
        raise ValueError(
            f"The {kind} {results['seg_map_path']} has {shape[0]} x {shape[1]} pixels, "
            f"but its image {results['img_path']} has {size[0]} x {size[1]} (height x "
            "width): they must be equal. Check that the two belong together. If the "
            "EXIF orientation turns the image and the map was drawn on the pixels as "
            "stored, load it with color_type='color_ignore_orientation'."
        )


@contextmanager
def naming_file(kind: str, path: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error with the file's path."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise OSError(
            f"The {kind} {path} has more pixels than Pillow opens ({error}). Cut it "
            "into tiles, or make it smaller."
        ) from error
    except Exception as error:
        settings = _SETTINGS.get(kind, "data_root and data_prefix of the data set")
        raise OSError(
            f"The {kind} {path} cannot be read ({_reason(error)}). Check that the file "
            f"exists and is complete, and {settings}."
        ) from error


@contextmanager
def naming_image(results: Mapping[str, Any]) -> Iterator[None]:
    """Turn what transforms find wrong with an image into an error with its name.

    Errors of other kinds are left alone: they are those of a program.

    Args:
        results: the image, as it was loaded.

    Raises:
        ValueError: The image cannot be brought to the size that the model is to see.
    """
    name = image_name(results)
    try:
        yield
    except (cv2.error, ValueError) as error:
        if name in str(error):
            raise
        height, width = results["img"].shape[:2]
        raise ValueError(
            f"The image {name} has {height} x {width} pixels (height x width), which "
            f"the transforms after its loading do not take ({_reason(error)}). Leave "
            "it out, crop it, or change the transforms."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is empty or no image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
