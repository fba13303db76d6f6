"""ADE20K-Full: the 847 classes of ADE20K that occur in both splits."""

from __future__ import annotations

from typing import Any

from mmseg.datasets import BaseSegDataset

from mmseg_maskformer.datasets.ade20k_full_classes import CLASSES, IGNORED
from mmseg_maskformer.datasets.scene_classes import class_palette


class ADE20KFullDataset(BaseSegDataset):
    """ADE20K-Full as ``dataset_converters/ade20k_full.py`` prepares it, 847 classes.

    Layout: ``images_detectron2/{training,validation}/*.jpg`` and
    ``annotations_detectron2/{training,validation}/*.tif`` (uint16, the value is the
    class, 65535 is ignored). Label maps need ``mmseg_maskformer.LoadLabelMap``, and
    ``ignore_index=65535`` must be told to head and metric and be ``pad_val`` of the
    label maps. Arguments are those of the host's ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=tuple(row["name"] for row in CLASSES),
        palette=class_palette(len(CLASSES)),
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            img_suffix=".jpg", seg_map_suffix=".tif", ignore_index=IGNORED, **kwargs
        )
