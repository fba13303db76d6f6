"""Random parts of images at a fixed size: Mask2Former's jitter of scales, and crops.

What is smaller than the size lies at the upper left and the rest is filled. Both
transforms go before the normalisation, and take images with panoptic maps
(``LoadPanopticMap``), label maps (``LoadLabelMap``) or objects (MMDetection's
``LoadAnnotations``). Objects that are cropped away stay, with empty masks, until
MMDetection's ``FilterAnnotations``. Boxes are those of the masks afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import image_name

from .resizing import ResizeWithLabels, Size, placed_masks


class Placement(NamedTuple):
    """Where an image goes: (height, width) once resized, (top, left) of the crop."""

    resized: Size
    offset: Size


class LargeScaleJitter(BaseTransform):
    """Resize by a random scale, crop to a fixed size and fill what is missing.

    With a scale s the image is resized to fit into s times ``size``, its ratio kept.
    What is larger than ``size`` is cropped: one random number gives the place along
    both axes. Source: arXiv 2012.07177, as in the code of arXiv 2112.01527.

    Args:
        size: height and width of the result, in pixels.
        scales: limits of the uniform distribution of s.
        pad_val: fill value of the image (``img``) and of maps (``seg``). 255 is void of
            panoptic maps and of most label maps. Masks are filled with 0.

    Raises:
        ValueError: Sizes or scales are not positive, or the image comes with boxes
            and no masks.
    """

    def __init__(
        self,
        size: Size = (1024, 1024),
        scales: tuple[float, float] = (0.1, 2.0),
        pad_val: dict[str, int] | None = None,
    ) -> None:
        self.size, self.pad_val = _checked(size, self), _filled(pad_val)
        if len(scales) != 2 or not 0 < scales[0] <= scales[1]:
            raise ValueError(
                f"scales={scales} of LargeScaleJitter must be a lower and an upper "
                "limit above 0, as (0.1, 2.0)."
            )
        self.scales = scales

    def transform(self, results: dict) -> dict:
        """Resize, crop and fill the image with its maps or masks."""
        scale, fraction = np.random.uniform(*self.scales), np.random.uniform()
        place = placement(results["img"].shape[:2], self.size, scale, fraction)
        return _placed(results, place, self.size, self.pad_val)


class RandomWindow(BaseTransform):
    """Crop to a fixed size at a random place and fill what is missing.

    Unlike MMDetection's ``RandomCrop`` with ``Pad`` it keeps objects that are cropped
    away, as the code of arXiv 2112.01527 does where it trains on ADE20K and Cityscapes.

    Args:
        size: height and width of the result, in pixels.
        pad_val: as of :class:`LargeScaleJitter`.

    Raises:
        ValueError: The size is not positive, or the image comes with boxes and no
            masks.
    """

    def __init__(self, size: Size, pad_val: dict[str, int] | None = None) -> None:
        self.size, self.pad_val = _checked(size, self), _filled(pad_val)

    def transform(self, results: dict) -> dict:
        """Crop and fill the image with its maps or masks."""
        shape = results["img"].shape[:2]
        beyond = (max(0, x - y) for x, y in zip(shape, self.size, strict=True))
        top, left = (int(np.random.randint(x + 1)) for x in beyond)
        return _placed(results, Placement(shape, (top, left)), self.size, self.pad_val)


def placement(image: Size, size: Size, scale: float, fraction: float) -> Placement:
    """The place of an image of (height, width) in a result of ``size``.

    Args:
        image: height and width of the image.
        size: height and width of the result.
        scale: the image fits into this many times ``size``.
        fraction: place of the crop along both axes, 0 (upper left) to 1.

    Returns:
        The size of the resized image, at least a pixel, and the corner of the crop.
    """
    ratio = min(scale * size[0] / image[0], scale * size[1] / image[1])
    resized = tuple(max(1, round(ratio * side)) for side in image)
    beyond = (max(0, x - y) for x, y in zip(resized, size, strict=True))
    top, left = (round(fraction * x) for x in beyond)
    return Placement((resized[0], resized[1]), (top, left))


def _placed(results: dict, place: Placement, size: Size, pad_val: dict) -> dict:
    """The image of a pipeline with all that belongs to it, in its place."""
    boxes, masks = (results.pop(x, None) for x in ("gt_bboxes", "gt_masks"))
    if boxes is not None and masks is None:
        raise ValueError(
            f"{image_name(results)} has boxes and no masks, which are needed: "
            "LoadAnnotations(with_bbox=True, with_mask=True)."
        )
    if results["img"].shape[:2] != place.resized:
        scale = place.resized[::-1]
        results = ResizeWithLabels(scale=scale, keep_ratio=False)(results)
    maps = {"gt_seg_map", *results.get("seg_fields", ())} & results.keys()
    for key, fill in {"img": "img", **dict.fromkeys(maps, "seg")}.items():
        results[key] = _window(results[key], place.offset, size, pad_val[fill])
    results["img_shape"] = size
    if masks is not None:
        results["gt_masks"] = placed_masks(masks, *place, size)
    if boxes is not None:
        results["gt_bboxes"] = results["gt_masks"].get_bboxes(type(boxes))
    return results


def _window(pixels: np.ndarray, offset: Size, size: Size, fill: int) -> np.ndarray:
    """Part of an image or a map (H, W, ...), of a fixed size."""
    (top, left), (height, width) = offset, size
    shown = pixels[top : top + height, left : left + width]
    window = np.full((*size, *pixels.shape[2:]), fill, pixels.dtype)
    window[: shown.shape[0], : shown.shape[1]] = shown
    return window


def _checked(size: Size, step: BaseTransform) -> Size:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(
            f"size={size} of {type(step).__name__} must be a height and a width in "
            "pixels, as (1024, 1024)."
        )
    return int(size[0]), int(size[1])


def _filled(pad_val: dict[str, int] | None) -> dict[str, int]:
    return {"img": 128, "seg": VOID, **(pad_val or {})}
