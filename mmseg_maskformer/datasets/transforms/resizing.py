"""Resizing for every host."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.image.geometric import pillow_interp_codes, rescale_size
from mmcv.transforms import BaseTransform, Resize
from PIL import Image

from mmseg_maskformer.datasets.file_errors import NOT_AN_IMAGE, as_pixels

Size = tuple[int, int]  # height and width


class ResizeWithLabels(Resize):
    """The host's resizing by the rules of the paper's code.

    Pillow resizes the image channel by channel, any number of them; it averages when it
    shrinks. Labels keep their type and values: pixel i of a map of classes takes source
    pixel floor(i * source / target), in rows and in columns; a map of panoptic segments
    (``LoadPanopticMap``) takes the pixels that Pillow finds nearest,
    floor((i + 1/2) * source / target); so do MMDetection's bitmaps of objects. Takes
    the host's arguments, alone or through
    ``RandomChoiceResize(resize_type="mmseg_maskformer.ResizeWithLabels", ...)``; with
    ``keep_ratio`` a side v becomes int(factor * v + 0.5).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"backend": "pillow", **kwargs})

    def _resize_img(self, results: dict) -> None:
        """Bring the image (H, W) or (H, W, C) to ``scale``, a width and a height.

        Raises:
            ValueError: Its numbers are neither uint8, uint16 nor float32.
        """
        if results.get("img") is None:
            return
        pixels = results["img"] = eight_bits(results)
        if self.backend != "pillow":
            super()._resize_img(results)
            return
        height, width = pixels.shape[:2]
        size = results["scale"]
        if self.keep_ratio:
            new_width, new_height = rescale_size((width, height), size)
            size = max(1, new_width), max(1, new_height)  # 0 of thin images
        method = pillow_interp_codes[self.interpolation]
        results["img"] = _resized(pixels, size, method)
        results["img_shape"] = results["img"].shape[:2]
        results["scale_factor"] = (size[0] / width, size[1] / height)
        results["keep_ratio"] = self.keep_ratio

    def _resize_bboxes(self, results: dict) -> None:
        """Bring boxes and masks of objects to the new size of the image."""
        boxes, masks = results.get("gt_bboxes"), results.get("gt_masks")
        if isinstance(boxes, np.ndarray):  # of mmcv's loading
            super()._resize_bboxes(results)
        elif boxes is not None:
            boxes.rescale_(results["scale_factor"])
            boxes.clip_(results["img_shape"])
        if masks is not None:
            size = results["img_shape"]
            results["gt_masks"] = placed_masks(masks, size, (0, 0), size)

    def _resize_seg(self, results: dict) -> None:
        """Bring label maps (H, W) to the new size of the image."""
        place = nearest_pixels if "segments" in results else _upper_left
        for key in {"gt_seg_map", *results.get("seg_fields", ())}:
            labels = results.get(key)
            if labels is not None:
                rows, columns = map(place, labels.shape, results["img_shape"])
                results[key] = labels[rows][:, columns]


class CheckArray(BaseTransform):
    """Bring an array that MMDetection's inference was given to 8 bits.

    The host puts its own loading in the place of ours where it is given arrays. Stands
    behind the loading in pipelines without ``ResizeWithLabels``, which does the same.

    Raises:
        ValueError: Its numbers are neither uint8, uint16 nor float32.
    """

    def transform(self, results: dict) -> dict:
        """Replace ``img``."""
        return dict(results, img=eight_bits(results))


def eight_bits(results: dict) -> np.ndarray:
    """The image of a pipeline as uint8, or as the float32 that a loading has made.

    Raises:
        ValueError: Its numbers are of another type, or it is no image.
    """
    path = results.get("img_path", "")
    name = f"The image {path}" if path else "The array given as image"
    pixels = as_pixels(results["img"], name)
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype == np.uint8 or (pixels.dtype == np.float32 and path is not None):
        return pixels
    raise ValueError(f"{name} has numbers of type {pixels.dtype}; {NOT_AN_IMAGE}")


def _resized(pixels: np.ndarray, size: tuple[int, int], method: Any) -> np.ndarray:
    """Pixels (H, W) or (H, W, C) at a width and height; channels do not mix."""
    if pixels.ndim == 2 or (pixels.shape[2] == 3 and pixels.dtype == np.uint8):
        return np.array(Image.fromarray(pixels).resize(size, method))
    planes = [Image.fromarray(x) for x in np.moveaxis(pixels, -1, 0)]
    return np.stack([np.array(x.resize(size, method)) for x in planes], axis=-1)


def _upper_left(source: int, target: int) -> np.ndarray:
    """(target,) places of the source pixels at the upper left, integer arithmetic."""
    return np.arange(target) * source // target


def nearest_pixels(source: int, target: int) -> np.ndarray:
    """(target,) places of the source pixels that Pillow finds nearest."""
    line = Image.fromarray(np.arange(source, dtype=np.int32)[None])
    return np.asarray(line.resize((target, 1), Image.Resampling.NEAREST))[0]


def placed_masks(masks: Any, resized: Size, offset: Size, size: Size) -> Any:
    """Resize MMDetection's masks, crop them and fill what is missing with 0.

    Args:
        masks: bitmaps, which take the pixels that Pillow finds nearest, or polygons.
        resized: height and width of the whole image afterwards.
        offset: top and left of the crop in it.
        size: height and width of the result.
    """
    (top, left), (height, width) = offset, size
    if not isinstance(masks.masks, np.ndarray):
        if size == resized:  # the host's crop mends polygons that cross themselves
            return masks.resize(resized)
        bottom = min(top + height, resized[0])
        right = min(left + width, resized[1])
        corners = np.array([left, top, right, bottom])
        return masks.resize(resized).crop(corners).pad(size)
    rows = nearest_pixels(masks.height, resized[0])[top : top + height]
    columns = nearest_pixels(masks.width, resized[1])[left : left + width]
    placed = np.zeros((len(masks), *size), masks.masks.dtype)
    for target, source in zip(placed, masks.masks, strict=True):
        target[: len(rows), : len(columns)] = source[rows][:, columns]
    return type(masks)(placed, *size)
