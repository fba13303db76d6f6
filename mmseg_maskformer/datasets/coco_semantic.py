"""COCO with the 133 classes of its panoptic maps as a semantic data set."""

from __future__ import annotations

from mmseg_maskformer.datasets.classes import read_class_table
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset

CLASSES = read_class_table("coco_panoptic_133")


class COCOSemanticDataset(LabelMapDataset):
    """COCO 2017, 80 things and 53 stuff, as ``coco_semantic.py`` prepares it.

    Layout: ``{train,val}2017/*.jpg`` and ``panoptic_semseg_{train,val}2017/*.png`` (the
    value is the class, 255 is void). Classes are those of panoptic models of COCO in
    their order. Arguments are those of the host's ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=tuple(row["name"] for row in CLASSES),
        palette=[
            [int(row[key]) for key in ("red", "green", "blue")] for row in CLASSES
        ],
    )
