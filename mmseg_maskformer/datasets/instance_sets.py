"""Instance data sets whose classes are known."""

from __future__ import annotations

from mmdet import datasets as host

from .coco_panoptic import CocoInstanceDataset
from .panoptic_sets import CITYSCAPES_THINGS


class ADE20KInstanceDataset(CocoInstanceDataset):
    """ADE20K with 100 things, as ``ade20k_instance.py`` prepares it."""

    METAINFO = host.ADE20KInstanceDataset.METAINFO


class CityscapesInstanceDataset(CocoInstanceDataset):
    """Cityscapes with 8 things, in the files of MMDetection's ``cityscapes.py``."""

    METAINFO = {
        "classes": tuple(CITYSCAPES_THINGS),
        "palette": list(CITYSCAPES_THINGS.values()),
    }
