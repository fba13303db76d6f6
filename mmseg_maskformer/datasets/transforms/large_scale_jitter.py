"""Large-scale jitter, the augmentation of Mask2Former on COCO."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform

from .resizing import ResizeWithLabels, nearest_pixels

Size = tuple[int, int]  # height and width


class LargeScaleJitter(BaseTransform):
    """Resize by a random scale, crop to a fixed size and fill what is missing.

    With a scale s the image is resized to fit into s times ``size``, its ratio kept.
    What is larger than ``size`` is cropped: one random number gives the place along
    both axes. What is smaller lies at the upper left.

    Goes before the normalisation, for images with panoptic maps (``LoadPanopticMap``),
    label maps (``LoadLabelMap``) or objects (MMDetection's ``LoadAnnotations``). Boxes
    are those of the masks afterwards; MMDetection's ``FilterAnnotations`` removes
    objects without a pixel. Source: arXiv 2012.07177, as in the code of arXiv
    2112.01527.

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
        if len(size) != 2 or min(size) < 1:
            raise ValueError(
                f"size={size} of LargeScaleJitter must be a height and a width in "
                "pixels, as (1024, 1024)."
            )
        if len(scales) != 2 or not 0 < scales[0] <= scales[1]:
            raise ValueError(
                f"scales={scales} of LargeScaleJitter must be a lower and an upper "
                "limit above 0, as (0.1, 2.0)."
            )
        self.size, self.scales = (int(size[0]), int(size[1])), scales
        self.pad_val = {"img": 128, "seg": 255, **(pad_val or {})}

    def transform(self, results: dict) -> dict:
        """Resize, crop and fill the image with its maps or masks."""
        scale, fraction = np.random.uniform(*self.scales), np.random.uniform()
        before = results["img"].shape[:2]
        place = placement(before, self.size, scale, fraction)
        boxes, masks = (results.pop(x, None) for x in ("gt_bboxes", "gt_masks"))
        if boxes is not None and masks is None:
            raise ValueError(
                f"{results.get('img_path', 'An image')} has boxes and no masks, which "
                "LargeScaleJitter needs: LoadAnnotations(with_bbox=True, "
                "with_mask=True)."
            )
        height, width = place.resized
        resize = ResizeWithLabels(scale=(width, height), keep_ratio=False)
        results = resize(results)
        results["img"] = self._window(results["img"], place, self.pad_val["img"])
        for key in {"gt_seg_map", *results.get("seg_fields", ())} & results.keys():
            results[key] = self._window(results[key], place, self.pad_val["seg"])
        results["img_shape"] = self.size
        if masks is not None:
            results["gt_masks"] = self._placed(masks, place)
        if boxes is not None:
            results["gt_bboxes"] = results["gt_masks"].get_bboxes(type(boxes))
        return results

    def _window(self, pixels: np.ndarray, place: Placement, fill: int) -> np.ndarray:
        """What the result shows of a resized image or map (H, W, ...)."""
        (top, left), (height, width) = place.offset, self.size
        shown = pixels[top : top + height, left : left + width]
        window = np.full((*self.size, *pixels.shape[2:]), fill, pixels.dtype)
        window[: shown.shape[0], : shown.shape[1]] = shown
        return window

    def _placed(self, masks: Any, place: Placement) -> Any:
        """MMDetection's masks, bitmaps or polygons, in the result."""
        (top, left), (height, width) = place.offset, self.size
        if not isinstance(masks.masks, np.ndarray):
            bottom = min(top + height, place.resized[0])
            right = min(left + width, place.resized[1])
            cropped = masks.resize(place.resized).crop(
                np.array([left, top, right, bottom])
            )
            return cropped.pad(self.size)
        rows = nearest_pixels(masks.height, place.resized[0])[top : top + height]
        columns = nearest_pixels(masks.width, place.resized[1])[left : left + width]
        placed = np.zeros((len(masks), *self.size), masks.masks.dtype)
        for target, source in zip(placed, masks.masks, strict=True):
            target[: len(rows), : len(columns)] = source[rows][:, columns]
        return type(masks)(placed, *self.size)


class Placement(NamedTuple):
    """Where an image goes: (height, width) once resized, (top, left) of the crop."""

    resized: Size
    offset: Size


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
