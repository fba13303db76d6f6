"""Prepare ADE20K-Full: ``python tools/dataset_converters/ade20k_full.py ROOT``.

ROOT is the folder ADE20K_2021_17_01 of the release; images and label maps are written
into it. What is finished is skipped when the command is repeated.

A pixel of ``*_seg.png`` names its object by floor(R / 10) * 256 + G, the index of the
object in the release, from 1; 847 of them are classes, the others are ignored.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from dataset_converters.preparation import (  # noqa: E402
    Sample,
    encoded,
    prepare,
    read_image,
    reading,
    require,
    require_equal_sizes,
    run_tool,
    write_whole,
)
from mmseg_maskformer.datasets.ade20k_full_classes import CLASSES, IGNORED  # noqa: E402

SHORT_SIDE = 512  # pixels; larger images are shrunk to it
JPEG_QUALITY = 95

_NUM_CODES = 26 * 256  # floor(255 / 10) + 1 steps of red, 256 of green


def prepare_ade20k_full(root: Path, workers: int = 1) -> str:
    """Write ``images_detectron2`` and ``annotations_detectron2`` below the root.

    Args:
        root: the folder ADE20K_2021_17_01, with ``images``.
        workers: processes.

    Returns:
        What was written, a sentence for each split.

    Raises:
        OSError, ValueError: as :func:`prepare`.
    """
    return prepare(
        convert,
        find_samples(root),
        num_classes=len(CLASSES),
        ignored=IGNORED,
        workers=workers,
    )


def find_samples(root: Path) -> list[Sample]:
    """Every image of the release with its label map, in the order of their names.

    An image with the token "val" in its name is for validation, any other for training.
    """
    images = require(root / "images", "the folder of images of ADE20K_2021_17_01")
    new_labels = root / "annotations_detectron2"
    samples = []
    for image in sorted(images.rglob("*.jpg"), key=lambda path: path.name):
        split = "validation" if "val" in image.stem.split("_") else "training"
        samples.append(
            Sample(
                image=image,
                labels=image.with_name(f"{image.stem}_seg.png"),
                new_image=root / "images_detectron2" / split / image.name,
                new_labels=new_labels / split / f"{image.stem}.tif",
            )
        )
    if not samples:
        raise OSError(
            f"{images} holds no *.jpg, in no folder below it: unpack ADE20K_2021_17_01."
        )
    return samples


def convert(sample: Sample) -> None:
    """Write the image as JPEG and its label map as 16-bit TIFF, both shrunk."""
    labels = labels_of_colours(read_colours(sample.labels))
    image = _read_photograph(sample.image, size=labels.shape)
    require_equal_sizes(sample.image, image.shape[:2], sample.labels, labels.shape)
    write_whole(
        sample.new_image,
        encoded(shrunk(image, cv2.INTER_LINEAR), "JPEG", quality=JPEG_QUALITY),
    )
    write_whole(
        sample.new_labels,
        encoded(shrunk(labels, cv2.INTER_NEAREST), "TIFF", compression="tiff_lzw"),
    )


def read_colours(path: Path) -> np.ndarray:
    """The coloured label map (H, W, 3) uint8 of the release."""
    colours = read_image(path)
    if colours.ndim != 3 or colours.dtype != np.uint8:
        raise ValueError(
            f"{path} has shape {colours.shape} and type {colours.dtype}; a label map "
            "of ADE20K_2021_17_01 is an RGB image of 8 bits. Unpack it again."
        )
    return colours


def labels_of_colours(colours: np.ndarray) -> np.ndarray:
    """Labels (H, W) uint16, 0..846 or 65535, of the colours (H, W, 3) of a release."""
    codes = colours[..., 0].astype(np.int32) // 10 * 256 + colours[..., 1]
    return _label_of_code()[codes]


@lru_cache(maxsize=1)
def _label_of_code() -> np.ndarray:
    labels = np.full(_NUM_CODES, IGNORED, dtype=np.uint16)
    for row in CLASSES:
        labels[int(row["ade_index"])] = int(row["train_id"])
    return labels


def shrunk_size(height: int, width: int) -> tuple[int, int]:
    """Height and width after the short side has become 512, if it was larger."""
    if min(height, width) <= SHORT_SIDE:
        return height, width
    if height < width:
        return SHORT_SIDE, round(width / height * SHORT_SIDE)
    return round(height / width * SHORT_SIDE), SHORT_SIDE


def shrunk(pixels: np.ndarray, interpolation: int) -> np.ndarray:
    """Image (H, W, 3) or labels (H, W) of the size that they are stored in."""
    height, width = shrunk_size(*pixels.shape[:2])
    if (height, width) == pixels.shape[:2]:
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=interpolation)


def _read_photograph(path: Path, size: tuple[int, ...]) -> np.ndarray:
    """Image (H, W, 3), turned as the camera says if that gives the size."""
    with reading(path), Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
        chosen = turned if turned.size[::-1] == size else image
        return np.asarray(chosen.convert("RGB"))


if __name__ == "__main__":
    run_tool(
        prepare_ade20k_full,
        description="Prepare ADE20K-Full, 847 classes",
        root="the folder ADE20K_2021_17_01, which holds images",
    )
