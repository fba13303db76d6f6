"""Loading with errors that name the file, and resizing, of images and label maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile, Resize
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from PIL import UnidentifiedImageError

_VOID, _WIDE_VOID = 255, 65535  # of 8-bit label maps and of wider ones


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
        with _naming("image", results["img_path"]):
            return super().transform(results)


class LoadLabelMap(LoadAnnotations):
    """The host's loading of label maps, with a sentence where it fails.

    Maps of more than 8 bits keep their labels. ``reduce_zero_label`` and the data set's
    choice of classes work as in the host; what they drop becomes 255 in 8-bit maps and
    65535 in wider ones. Takes the host's arguments.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: It is not a map of integers of the size of the image.
    """

    def _load_seg_map(self, results: dict) -> None:
        """Add ``gt_seg_map`` (H, W), uint8 or int32."""
        path = results["seg_map_path"]
        with _naming("label map", path):
            content = fileio.get(path, backend_args=self.backend_args)
            labels = mmcv.imfrombytes(
                content, flag="unchanged", backend=self.imdecode_backend
            )
        _check_label_map(labels, results)
        narrow = labels.dtype in (np.uint8, np.bool_)
        labels = labels.astype(np.uint8 if narrow else np.int32)
        void = _VOID if narrow else _WIDE_VOID
        reduce = self.reduce_zero_label
        if results["reduce_zero_label"] if reduce is None else reduce:
            labels = np.where(labels == 0, void, labels - (labels != void))
            labels = labels.astype(np.uint8 if narrow else np.int32)
        results["gt_seg_map"] = _renumbered(labels, results.get("label_map"), void)
        results["seg_fields"].append("gt_seg_map")


class ResizeWithLabels(Resize):
    """The host's resizing by the rules of the paper's code.

    Pillow resizes the image, which averages when it shrinks. Label maps of any type
    keep their type and values: pixel i takes source pixel floor(i * source / target),
    in rows and in columns. Takes the host's arguments, alone or through
    ``RandomChoiceResize(resize_type="mmseg_maskformer.ResizeWithLabels", ...)``; with
    ``keep_ratio`` a side v becomes int(factor * v + 0.5).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"backend": "pillow", **kwargs})

    def _resize_seg(self, results: dict) -> None:
        """Bring label maps (H, W) to the new size of the image."""
        for key in {"gt_seg_map", *results.get("seg_fields", ())}:
            if results.get(key) is not None:
                results[key] = _nearest(results[key], size=results["img_shape"])


def _nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (height, width) of the pixels at the upper left, integer arithmetic."""
    rows, columns = (
        np.arange(target) * source // target
        for source, target in zip(labels.shape, size, strict=True)
    )
    return labels[rows][:, columns]


def _renumbered(labels: np.ndarray, new: dict | None, void: int) -> np.ndarray:
    """Labels after the data set's choice of classes; it writes 255 for none."""
    if not new:
        return labels
    renumbered = labels.copy()
    for old, label in new.items():
        renumbered[labels == old] = void if label == _VOID else label
    return renumbered


def _check_label_map(labels: np.ndarray, results: dict) -> None:
    path = results["seg_map_path"]
    if labels.ndim != 2 or labels.dtype.kind not in "biu":
        raise ValueError(
            f"The label map {path} has shape {labels.shape} and type {labels.dtype}; "
            "it must have one channel of integers, the class of each pixel. Convert "
            "colour maps to class indices."
        )
    size = tuple(results.get("ori_shape", labels.shape))
    if labels.shape != size:
        raise ValueError(
            f"The label map {path} has {labels.shape[0]} x {labels.shape[1]} pixels, "
            f"but its image {results['img_path']} has {size[0]} x {size[1]} (height x "
            "width): they must be equal. Check that the two belong together and that "
            "the image is not rotated by its EXIF orientation alone."
        )


@contextmanager
def _naming(kind: str, path: str) -> Iterator[None]:
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
