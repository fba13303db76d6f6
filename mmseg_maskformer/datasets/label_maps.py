"""Loading of label maps for MMSegmentation, with errors that name the file."""

from __future__ import annotations

import mmcv
import numpy as np
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations

from .transforms import naming

_VOID, _WIDE_VOID = 255, 65535  # of 8-bit label maps and of wider ones


class LoadLabelMap(LoadAnnotations):
    """The host's loading of label maps, with a sentence where it fails.

    Maps of more than 8 bits keep their labels. ``reduce_zero_label`` and the data set's
    choice of classes work as in the host; what they drop becomes 255 in 8-bit maps. In
    wider ones it becomes 65535, or ``void_label`` where the data set says one, and
    65535 in the file becomes that too. An image that comes without ``seg_map_path``, as
    in inference, goes on as it is. Takes the host's arguments.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: It is not a map of integers of the size of the image.
    """

    def _load_seg_map(self, results: dict) -> None:
        """Add ``gt_seg_map`` (H, W), uint8 or int32."""
        path = results.get("seg_map_path")
        if path is None:
            return
        with naming("label map", path):
            content = fileio.get(path, backend_args=self.backend_args)
            labels = mmcv.imfrombytes(
                content, flag="unchanged", backend=self.imdecode_backend
            )
        _check_label_map(labels, results)
        narrow = labels.dtype in (np.uint8, np.bool_)
        labels = labels.astype(np.uint8 if narrow else np.int32)
        void = _VOID
        if not narrow:
            void = results.get("void_label", _WIDE_VOID)
            labels[labels == _WIDE_VOID] = void
        reduce = self.reduce_zero_label
        if results["reduce_zero_label"] if reduce is None else reduce:
            labels = np.where(labels == 0, void, labels - (labels != void))
            labels = labels.astype(np.uint8 if narrow else np.int32)
        results["gt_seg_map"] = _renumbered(labels, results.get("label_map"), void)
        results["seg_fields"].append("gt_seg_map")


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
            "width): they must be equal. Check that the two belong together. If the "
            "EXIF orientation turns the image and the labels were drawn on the pixels "
            "as stored, load it with color_type='color_ignore_orientation'."
        )
