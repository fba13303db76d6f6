"""Loading of label maps for MMSegmentation, with errors that name the file."""

from __future__ import annotations

import mmcv
import numpy as np
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations

from mmseg_maskformer.core.conventions import NARROW, VOID, WIDE_VOID
from mmseg_maskformer.datasets.file_errors import (
    check_label_map,
    naming_file,
    refuse_jpeg,
    require_size_of_image,
)
from mmseg_maskformer.datasets.metainfo import zero_label_message


class LoadLabelMap(LoadAnnotations):
    """The host's loading of label maps, with the file's name in its errors.

    Maps of more than 8 bits keep their labels. ``reduce_zero_label`` of the data set
    and its choice of classes work as in the host; what they drop becomes 255 in 8-bit
    maps. In wider ones it becomes 65535, or ``void_label`` where the data set says one,
    and 65535 in the file becomes that too. An image that comes without
    ``seg_map_path``, as in inference, goes on as it is. Takes the host's arguments.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: It is not a map of integers from 0 to 65535 of the size of the
            image, or ``reduce_zero_label`` is another than the data set's.
    """

    def _load_seg_map(self, results: dict) -> None:
        """Add ``gt_seg_map`` (H, W), uint8 or, of wider labels, uint16."""
        path = results.get("seg_map_path")
        if path is None:
            return
        given, of_data_set = self.reduce_zero_label, results["reduce_zero_label"]
        if given is not None and bool(given) != bool(of_data_set):
            raise ValueError(
                zero_label_message(type(self).__name__, given, of_data_set)
            )
        with naming_file("label map", path):
            content = fileio.get(path, backend_args=self.backend_args)
            labels = mmcv.imfrombytes(
                content, flag="unchanged", backend=self.imdecode_backend
            )
        refuse_jpeg(content, "label map", path)
        check_label_map(labels, path)
        require_size_of_image("label map", labels.shape, results)
        narrow = labels.dtype.name in NARROW
        void = VOID if narrow else results.get("void_label", WIDE_VOID)
        zero_is_void, new = results["reduce_zero_label"], results.get("label_map")
        labels = as_classes(labels, void, zero_is_void, new)
        results["gt_seg_map"] = labels.astype(np.uint8 if narrow else np.uint16)
        results["seg_fields"].append("gt_seg_map")


def as_classes(
    labels: np.ndarray, void: int, zero_is_void: bool, new: dict[int, int] | None
) -> np.ndarray:
    """What the values of a file mean: classes, void, or neither.

    Args:
        labels: integers from 0 to 65535; any shape.
        void: what pixels without a class get: 255 in maps of 8 bits.
        zero_is_void: 0 is void and classes begin at 1.
        new: numbers of the classes that a data set chooses, 255 for none.

    Returns:
        int32 of the same shape.
    """
    wide, labels = labels.dtype.name not in NARROW, labels.astype(np.int32)
    if wide:
        labels[labels == WIDE_VOID] = void
    if zero_is_void:
        labels = np.where(labels == 0, void, labels - (labels != void))
    return _renumbered(labels, new, void)


def classes_in(labels: np.ndarray, num_classes: int) -> list[int]:
    """Classes that occur in a label map, without void and what else is none."""
    return [label for label in np.unique(labels).tolist() if label < num_classes]


def _renumbered(labels: np.ndarray, new: dict | None, void: int) -> np.ndarray:
    """Labels after the data set's choice of classes; it writes 255 for none."""
    if not new:
        return labels
    renumbered = labels.copy()
    for old, label in new.items():
        renumbered[labels == old] = void if label == VOID else label
    return renumbered
