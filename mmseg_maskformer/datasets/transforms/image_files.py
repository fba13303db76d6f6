"""Image files as they are stored: every channel, every bit, and what they say of both.

TIFF goes through tifffile: Pillow drops channels that it has no name for, and takes
signed numbers for unsigned ones. Of other files of 16 bits and several channels it
keeps 8 bits; OpenCV reads those.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SELDOM_SUFFIXES = (".avif", ".gif", ".heic", ".heif", ".jp2", ".ppm")  # of few sets
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PLAIN = (0, 1, 2)  # white is 0, black is 0, colours: samples of TIFF that are pixels
_ALPHA = (1, 2)  # of TIFF's extra samples
_DEEP = ("PNG", "PPM", "JPEG2000")  # mode I of Pillow is 16 bits in these
_MODES = {"L": False, "RGB": False, "LA": True, "RGBA": True, "RGBX": False}
_BACK = {6: 8, 8: 6}  # the turn that undoes a turn, where it is another one


class Picture(NamedTuple):
    """What an image file holds.

    Attributes:
        pixels: (H, W, C) as stored, in the order of the file: red first. Numbers of 9
            to 15 bits are brought to 16.
        has_alpha: whether the last channel says how opaque a pixel is.
        orientation: 1 to 8, as EXIF numbers the turns that a viewer is to apply.
        pages: images in the file; the pixels are those of the first.
    """

    pixels: np.ndarray
    has_alpha: bool
    orientation: int
    pages: int


def read_picture(content: bytes) -> Picture:
    """Decode a file.

    Raises:
        Exception: Whatever the libraries raise when it is incomplete or no image.
    """
    return (_read_tiff if content[:4] in _TIFF else _read_other)(content)


def files_below(
    folder: Path, suffixes: Collection[str] | None = IMAGE_SUFFIXES
) -> list[Path]:
    """Files with these suffixes, or all, in a folder and the folders in it, sorted.

    What is hidden (a name that begins with a dot) is left out, as copies of editors and
    of macOS are. Links to folders are followed, and each folder is read once.
    """
    found: list[Path] = []
    seen = set[str]()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(x for x in folders if not x.startswith("."))
        real = os.path.realpath(place)
        if real in seen:  # a link to it, perhaps from inside
            folders.clear()
            continue
        seen.add(real)
        found += [Path(place, x) for x in names if not x.startswith(".")]
    if suffixes is not None:
        found = [x for x in found if x.suffix.lower() in suffixes]
    return sorted(x for x in found if x.is_file())


def palette_indices(content: bytes) -> np.ndarray | None:
    """(H, W) numbers of an image with a palette; None of any other file."""
    try:
        opened = Image.open(BytesIO(content))
    except UnidentifiedImageError:
        return None
    with opened as image:
        return np.array(image) if image.mode == "P" else None


def stored_orientation(content: bytes) -> int:
    """The orientation that a file names, without decoding it; 1 where it names none."""
    with Image.open(BytesIO(content)) as image:
        return _orientation(image)


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, ...) as a viewer shows them."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _read_other(content: bytes) -> Picture:
    """A file that is no TIFF."""
    try:
        opened = Image.open(BytesIO(content))
    except UnidentifiedImageError:
        pixels = _by_opencv(content)  # HDR and other kinds
        if pixels is None:
            raise
        return Picture(pixels, has_alpha=False, orientation=1, pages=1)
    with opened as image:
        hidden = _hidden_bits(image)  # asked first: Pillow forgets it when it loads
        orientation = _orientation(image)
        pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        pixels, has_alpha = _by_pillow(image)
    deep = _by_opencv(content) if hidden else None
    if deep is not None:  # grey with alpha comes as colours with alpha
        pixels = deep[..., ::3] if "LA;16" in hidden else deep
        has_alpha = pixels.shape[2] in (2, 4)  # OpenCV makes it of a colour, too
    return Picture(pixels, has_alpha, orientation, pages)


def _by_pillow(image: Image.Image) -> tuple[np.ndarray, bool]:
    """Pixels (H, W, C) as stored, and whether the last channel is alpha.

    Palettes, and encodings of colours such as CMYK, become colours.
    """
    before = _orientation(image)
    image.load()
    # Pillow turns TIFF while it loads, and forgets the orientation
    undo = 1 if before == _orientation(image) else _BACK.get(before, before)
    is_deep = image.mode == "I" and image.format in _DEEP
    if image.mode not in (*_MODES, "1", "I", "F") and not image.mode.startswith("I;"):
        image = image.convert("RGBA" if image.mode in ("PA", "La", "RGBa") else "RGB")
    pixels = turned(np.array(image), undo)
    if is_deep or pixels.dtype == ">u2":
        pixels = pixels.astype(np.uint16)
    return _with_channels(pixels), _MODES.get(image.mode, False)


def _hidden_bits(image: ImageFile.ImageFile) -> str:
    """How 16 bits are stored of which Pillow keeps 8, as of several channels, or ""."""
    if image.mode not in _MODES or not image.tile:
        return ""
    stored = image.tile[0][3]
    if image.format == "PPM":
        is_deep = isinstance(stored, tuple) and stored[-1] > 255
    else:
        is_deep = ";16" in str(stored)
    return str(stored) if is_deep else ""


def _by_opencv(content: bytes) -> np.ndarray | None:
    """Pixels (H, W, C) as stored, red first; None where OpenCV cannot."""
    buffer = np.frombuffer(content, np.uint8)
    pixels = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED) if content else None
    if pixels is None:
        return None
    pixels = _with_channels(pixels)
    if pixels.shape[2] < 3:
        return pixels
    return np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=2)


def _read_tiff(content: bytes) -> Picture:
    from tifffile import TiffFile

    with TiffFile(BytesIO(content)) as file:
        page = file.pages[0]
        others = islice(file.pages, 1, 3)
        pages = len(file.pages) if any(not x.subfiletype & 5 for x in others) else 1
        tag = page.tags.get(ExifTags.Base.Orientation.value)
        orientation = tag.value if tag is not None else 1
        if page.photometric not in _PLAIN or page.bitspersample in (2, 4):
            with Image.open(BytesIO(content)) as image:
                pixels, has_alpha = _by_pillow(image)
            return Picture(pixels, has_alpha, orientation, pages)
        pixels = _tiff_pixels(page, content, orientation)
    if page.photometric == 0 and pixels.dtype.kind == "u":
        pixels = np.invert(pixels)
    has_alpha = bool(page.extrasamples) and page.extrasamples[-1] in _ALPHA
    return Picture(pixels, has_alpha, orientation, pages)


def _tiff_pixels(page: Any, content: bytes, orientation: int) -> np.ndarray:
    """Pixels (H, W, C) of a page, by whichever library knows its compression."""
    try:
        pixels = page.asarray()
    except (ValueError, NotImplementedError) as error:  # it knows few compressions
        found = None
        if orientation == 1 and page.photometric != 0:  # what is turned or inverted
            found = _otherwise(content, page)
        if found is None:
            raise ValueError(f"{error}; pip install imagecodecs") from error
        return found
    if pixels.dtype == np.uint16:
        pixels = pixels << (16 - page.bitspersample)
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ValueError(f"its axes are {page.axes}, not height, width and channels")
    return _with_channels(pixels)


def _otherwise(content: bytes, page: Any) -> np.ndarray | None:
    """Pixels by OpenCV or Pillow, if either gives all channels and bits."""
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    found = _by_opencv(content) if page.samplesperpixel <= 4 else None
    if found is None and page.bitspersample == 8:
        with Image.open(BytesIO(content)) as image:
            found, _ = _by_pillow(image)
    if found is None or found.shape != shape or found.dtype != page.dtype:
        return None
    return found


def _with_channels(pixels: np.ndarray) -> np.ndarray:
    """(H, W) as (H, W, 1), anything else as it is."""
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(ExifTags.Base.Orientation.value, 1)
    return found if found in range(1, 9) else 1
