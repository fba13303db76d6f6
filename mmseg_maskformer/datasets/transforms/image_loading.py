"""One rule for images, whoever loads them: in training, evaluation and inference.

Images have 8 or 16 bits and any number of channels. Numbers of 16 bits become the
upper 8 of them, as in OpenCV. Three channels are blue, green, red as everywhere in
OpenMMLab; any other number keeps the order of the file. docs/images.md has the rule
for users.

The hosts' inference looks for a transform named ``LoadImageFromFile`` and puts others
in its place: with ``_scope_="mmseg_maskformer"`` in a pipeline these names, too, are
ours.
"""

from __future__ import annotations

from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms import LoadImageFromFile as HostLoading
from mmengine import fileio
from PIL import Image

from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.datasets.file_errors import (
    JPEG,
    NOT_AN_IMAGE,
    as_pixels,
    naming_file,
)

from .image_files import Picture, read_picture, stored_orientation, turned
from .notices import notify, prepare_notices

_DIM = 4096  # numbers that are all lower come from a camera of 12 bits or fewer
_COLOR_TYPES = ("color", "grayscale", "unchanged")
_AS_STORED = "_ignore_orientation"


class LoadImage(HostLoading):
    """Load an image of 8 or 16 bits and any number of channels.

    Takes the host's arguments; some mean more here:

    - ``color_type="color"``: three channels, of grey images three equal ones; alpha is
      dropped and the orientation stored by cameras applied. ``"grayscale"``: one. Both
      take the pixels as they are stored with ``"_ignore_orientation"`` behind them.
      ``"unchanged"``: every channel of the file, alpha too, as stored.
    - ``to_float32=True`` keeps 16 bits, as fractions of the same 0..255.
    - ``imdecode_backend`` reads JPEG, "pillow" by default.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: Its numbers are of another type, or its channels no colours.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"imdecode_backend": "pillow", **kwargs})
        kind = self.color_type.removesuffix(_AS_STORED)
        if kind not in _COLOR_TYPES or self.color_type == f"unchanged{_AS_STORED}":
            raise ValueError(
                f"color_type={self.color_type!r} of LoadImage is none of {_COLOR_TYPES}"
                f", the first two with {_AS_STORED!r} behind them or not."
            )
        prepare_notices()

    def transform(self, results: dict) -> dict | None:
        """Add ``img`` (H, W, C), uint8 or float32, ``img_shape``, ``ori_shape``."""
        path = results["img_path"]
        try:
            with naming_file("image", path):
                content = self._content(path)
                picture = self._decoded(content)
        except OSError:
            if self.ignore_empty:
                return None
            raise
        _check_type(picture.pixels, f"The image {path}")
        _notify_pages(picture, path)
        _notify_dim(picture, path)
        bits = 8 * picture.pixels.itemsize
        pixels = _scaled(picture.pixels, self.to_float32)
        pixels = self._channels(pixels, picture, path)
        if picture.orientation != 1 and self.color_type in ("color", "grayscale"):
            _notify_turned(picture.orientation, results)
            pixels = turned(pixels, picture.orientation)
        if pixels.shape[2] == 3:
            pixels = pixels[..., ::-1]  # blue first, as the hosts have it
        return _added(results, pixels, bits)

    def _content(self, path: str) -> bytes:
        if self.file_client_args is not None:
            client = fileio.FileClient.infer_client(self.file_client_args, path)
            return client.get(path)
        return fileio.get(path, backend_args=self.backend_args)

    def _decoded(self, content: bytes) -> Picture:
        """The file; a JPEG by the backend of the arguments."""
        by_host = self.imdecode_backend != "pillow" and self.color_type != "unchanged"
        if not by_host or not content.startswith(JPEG):
            return read_picture(content)
        backend = self.imdecode_backend
        flag = "color" if backend == "turbojpeg" else f"color{_AS_STORED}"
        pixels = mmcv.imfrombytes(content, flag=flag, backend=backend)
        if pixels is None:
            raise ValueError("its content is incomplete")
        return Picture(pixels[..., ::-1], False, stored_orientation(content), 1)

    def _channels(self, pixels: np.ndarray, picture: Picture, path: str) -> np.ndarray:
        """The channels that ``color_type`` asks for, red first."""
        if self.color_type == "unchanged":
            return pixels
        colours = pixels[..., :-1] if picture.has_alpha else pixels
        count = colours.shape[2]
        if count not in (1, 3):
            beside = " beside alpha" if picture.has_alpha else ""
            raise ValueError(
                f"The image {path} has {count} channels{beside}, and color_type="
                f"{self.color_type!r} takes grey or colours. Load it with color_type="
                "'unchanged' in every pipeline and set in_channels of the backbone to "
                f"{pixels.shape[2]} (docs/images.md), or save three channels."
            )
        if self.color_type.startswith("grayscale"):
            return colours if count == 1 else _grey(colours)
        return colours.repeat(3, axis=2) if count == 1 else colours


class LoadImageFromFile(LoadImage):
    """The same by the name that the hosts' inference looks for."""


class LoadImageFromNDArray(LoadImage):
    """Take the array that inference was given, of 8 or 16 bits, as the image.

    Three channels are blue, green, red, and become one with ``color_type="grayscale"``.
    One becomes three with ``"color"``; any other number stays.

    Raises:
        ValueError: Its numbers are of another type, or it is empty, or no (H, W)
            or (H, W, C).
    """

    def transform(self, results: dict) -> dict:
        """Add ``img`` (H, W, C), ``img_shape`` and ``ori_shape``."""
        pixels = as_pixels(results["img"], "The array given as image")
        _check_type(pixels, "The array given as image")
        bits = 8 * pixels.itemsize
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        pixels = _scaled(pixels, self.to_float32)
        if pixels.shape[2] == 1 and self.color_type.startswith("color"):
            pixels = pixels.repeat(3, axis=2)
        elif pixels.shape[2] == 3 and self.color_type.startswith("grayscale"):
            pixels = _grey(pixels[..., ::-1])
        results["img_path"] = ARRAY
        return _added(results, pixels, bits)


ARRAY = "<array>"  # the path of an image that was checked and has none


class InferencerLoader(BaseTransform):
    """Load what MMSegmentation's inferencer is given.

    A path, an array, or either one as ``img_path`` or ``img`` of a dictionary. Takes
    the arguments of ``LoadImage``.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.from_file = LoadImage(**kwargs)
        self.from_array = LoadImageFromNDArray(**kwargs)

    def transform(self, results: str | np.ndarray | dict) -> dict | None:
        """Load by the rule of the kind."""
        if isinstance(results, np.ndarray):
            results = dict(img=results)
        elif not isinstance(results, dict):
            results = dict(img_path=str(results))
        load = self.from_array if "img" in results else self.from_file
        return load(results)


class ScaleIntensity(BaseTransform):
    """Make a number of a file white, 255, for cameras that use fewer than 16 bits.

    Comes after a loading with ``to_float32=True`` of images of 16 bits; larger numbers
    are white too.

    Args:
        white: the number, as stored: 4095 of a camera of 12 bits.
    """

    def __init__(self, white: int) -> None:
        if not 0 < white < 1 << 16:
            raise ValueError(
                f"ScaleIntensity.white={white} is no number of 16 bits: give 1 to "
                "65535, for example 4095 for 12 bits."
            )
        self.white = white

    def transform(self, results: dict) -> dict:
        """Scale ``img``, (H, W, C) float32.

        Raises:
            ValueError: ``img`` has 8 bits, or was loaded as 8.
        """
        pixels, bits = results["img"], results.get("img_bits", 0)
        if pixels.dtype != np.float32 or bits <= 8:
            raise ValueError(
                f"ScaleIntensity needs an image of 16 bits that mmseg_maskformer."
                f"LoadImage has loaded with to_float32=True, and got "
                f"{image_name(results)} of {bits or 'unknown'} bits as "
                f"{pixels.dtype}."
            )
        factor = np.float32(256 * 255 / self.white)
        results["img"] = np.minimum(pixels * factor, 255)
        return results


def _check_type(pixels: np.ndarray, name: str) -> None:
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{name} has numbers of type {pixels.dtype}; {NOT_AN_IMAGE}")


def _scaled(pixels: np.ndarray, to_float32: bool) -> np.ndarray:
    """Numbers on the scale of 8 bits: uint8, the upper 8 of 16, or float32."""
    is_deep = pixels.dtype == np.uint16
    if to_float32:
        return pixels.astype(np.float32) / np.float32(256 if is_deep else 1)
    return (pixels >> 8).astype(np.uint8) if is_deep else pixels


def _added(results: dict, pixels: np.ndarray, bits: int) -> dict:
    """Results with an image (H, W, C), what the hosts note of one, and its bits."""
    results["img"] = pixels
    results["img_shape"] = results["ori_shape"] = pixels.shape[:2]
    results["img_bits"] = bits
    return results


def _grey(colours: np.ndarray) -> np.ndarray:
    """(H, W, 1) luma of (H, W, 3), by Pillow where it can."""
    if colours.dtype == np.uint8:
        return np.asarray(Image.fromarray(colours).convert("L"))[..., None]
    return colours @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)


def _notify_pages(picture: Picture, path: str) -> None:
    if picture.pages > 1:
        notify(
            "pages",
            f"The image {path} has {picture.pages} pages, of which only the first is "
            "read. Save each as a file of its own, or as channels of one page "
            "(docs/images.md).",
        )


def _notify_dim(picture: Picture, path: str) -> None:
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and 0 < (highest := pixels.max()) < _DIM:
        notify(
            "dim",
            f"The image {path} has 16 bits, but no number above {highest}: it is read "
            f"as 0..{highest >> 8} of 255. If its camera has fewer bits, write "
            "to_float32=True in the loading and mmseg_maskformer.ScaleIntensity behind "
            "it (docs/images.md).",
        )


def _notify_turned(orientation: int, results: dict) -> None:
    """Speak of a turned image that has labels: sizes do not tell of half a turn."""
    if any(results.get(x) for x in ("seg_map_path", "segments_info", "instances")):
        notify(
            "turned",
            f"The image {results['img_path']} is turned as its EXIF orientation "
            f"{orientation} says; its labels must be drawn on the turned image. If "
            "they were drawn on the pixels as stored, write "
            f"color_type='color{_AS_STORED}' in the loading of every pipeline.",
        )
