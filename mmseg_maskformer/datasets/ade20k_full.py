"""ADE20K-Full: the 847 classes of ADE20K that occur in both splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.datasets.ade20k_full_classes import CLASSES, IGNORED
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.palette import class_palette


class ADE20KFullDataset(LabelMapDataset):
    """ADE20K-Full as ``dataset_converters/ade20k_full.py`` prepares it, 847 classes.

    Layout: ``images_detectron2/{training,validation}/*.jpg`` and
    ``annotations_detectron2/{training,validation}/*.tif`` (uint16, the value is the
    class, 65535 is ignored). Label maps need ``mmseg_maskformer.LoadLabelMap``, and
    ``ignore_index=65535`` must be told to head and metric and be ``pad_val`` of the
    label maps. Arguments are those of the host's ``BaseSegDataset``; its choice of
    classes by ``metainfo`` marks those left out by 255, so that it chooses 255 at most.

    Raises:
        ValueError: ``metainfo`` chooses more classes than that.
    """

    METAINFO = dict(
        classes=tuple(row["name"] for row in CLASSES),
        palette=class_palette(len(CLASSES)),
    )

    def __init__(self, **kwargs: Any) -> None:
        given = {"seg_map_suffix": ".tif", **kwargs}
        super().__init__(ignore_index=IGNORED, **given)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict | None:
        """New label of every class, 255 of those left out; None where all are chosen.

        Raises:
            ValueError: More than 255 are chosen, of which one would have the label 255.
        """
        label_map = super().get_label_map(new_classes)
        if label_map and new_classes and len(new_classes) > VOID:
            raise ValueError(
                f"metainfo['classes'] chooses {len(new_classes)} classes of "
                f"ADE20K-Full. The host marks what is left out by {VOID}, so "
                f"choose {VOID} at most, or leave classes out of metainfo for "
                f"all {len(CLASSES)}."
            )
        return label_map
