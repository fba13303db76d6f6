"""Id maps and label maps as they are stored: integers, one for each pixel."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from dataset_converters.preparation import reading, require_equal_sizes
from mmseg_maskformer.datasets.coco.segments import segment_ids
from mmseg_maskformer.datasets.file_errors import refuse_jpeg
from mmseg_maskformer.datasets.transforms.image_files import (
    palette_indices,
    read_picture,
    turned,
)

LARGEST_ID = 256**3 - 1  # that a panoptic PNG holds
_AGAIN = "Export it again."


def read_ids(path: Path, colours: bool = False, void: int | None = None) -> np.ndarray:
    """Ids (H, W) int32 of an id map, 0 where there is no object, -1 where void.

    Args:
        path: of the map.
        colours: ids are colours, black is none.
        void: the id of pixels that are void, if there is one.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: It is no map of integers from 0 to 2^24 - 1.
    """
    ids = read_numbers(path, colours)
    if ids.dtype == bool:
        raise ValueError(
            f"The id map {path} is black and white, a mask and no ids: give every "
            "object a number of its own (scipy.ndimage.label numbers parts that do not "
            "touch)."
        )
    is_void = np.zeros(ids.shape, bool) if void is None else ids == void
    kept = np.where(is_void, 0, ids)
    low, high = kept.min(), kept.max()
    if low < 0 or high > LARGEST_ID:
        wrong = low if low < 0 else high
        raise ValueError(
            f"The id map {path} has the id {wrong}: number the objects of each image "
            f"from 1 to {LARGEST_ID}, 0 is none. If {wrong} marks void, write "
            f"--void-id={wrong}."
        )
    return np.where(is_void, -1, kept.astype(np.int32))


def read_numbers(path: Path, colours: bool = False) -> np.ndarray:
    """Integers or booleans (H, W) of an image or a .npy; of a palette the indices.

    Args:
        path: of the map.
        colours: the numbers are R + 256 G + 65536 B of an image in colours.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: It holds other numbers or several channels, or is a stack or a JPEG.
    """
    content = path.read_bytes()
    refuse_jpeg(content, "map", str(path))
    pages = 1
    with reading(path, _AGAIN):
        if path.suffix.lower() == ".npy":
            pixels = np.load(BytesIO(content), allow_pickle=False)
        elif (pixels := palette_indices(content)) is None:
            pixels, _, _, pages = read_picture(content)
    if pages > 1:
        raise ValueError(
            f"The map {path} is a stack of images: write one image and one map a file."
        )
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype.kind not in "biu":
        raise ValueError(
            f"The map {path} has numbers of type {pixels.dtype}, but ids and classes "
            "are integers: write them as uint8, uint16 or uint32, in a PNG or TIFF."
        )
    if colours and pixels.dtype == np.uint8 and pixels.shape[2:] in ((3,), (4,)):
        return segment_ids(pixels[..., :3])
    if colours or pixels.ndim != 2 or not pixels.size:
        remedy = (
            "ids in colours are R, G, B of 8 bits. Leave out --id-colours."
            if colours
            else "write one channel, a number for each pixel. Id maps in which every "
            "object has a colour of its own are read with --id-colours."
        )
        raise ValueError(
            f"The map {path} has shape {pixels.shape} and type {pixels.dtype}; {remedy}"
        )
    return pixels


def read_size(image: Path) -> tuple[int, int]:
    """Height and width of an image as it is loaded, which is tried.

    Raises:
        OSError: It is missing, incomplete or no image.
    """
    with reading(image, _AGAIN):
        picture = read_picture(image.read_bytes())
        height, width = turned(picture.pixels, picture.orientation).shape[:2]
    return height, width


def require_size(
    what: Path | str, shape: tuple[int, ...], image: Path, size: tuple[int, int]
) -> None:
    """Refuse annotations of another size than their image.

    Raises:
        ValueError: The sizes differ.
    """
    remedy = "Check that the two belong together"
    if size == shape[::-1]:
        remedy = (
            "They are exchanged: if annotations were drawn on the stored pixels of an "
            "image that carries an orientation (EXIF), save the image without it"
        )
    require_equal_sizes(image, size, what, shape, remedy)
