"""Mapillary Vistas 1.2 with the 65 classes that its benchmark evaluates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.datasets.classes import read_class_table
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset

IGNORED = 65  # "Unlabeled", the last row of the table
CLASSES = read_class_table("mapillary_vistas_v1.2")[:IGNORED]


class MapillaryVistasDataset(LabelMapDataset):
    """Mapillary Vistas 1.2: 65 classes, "Unlabeled" (65) is ignored.

    The host's ``MapillaryDataset_v1`` counts "Unlabeled" as a 66th class. Layout, as
    released: ``{training,validation}/images/*.jpg`` and
    ``{training,validation}/labels/*.png`` (the value is the class). ``ignore_index=65``
    must be told to head and metric and be ``pad_val`` of the label maps; classes that
    ``metainfo`` leaves out become 65 too. Arguments are those of the host's
    ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=tuple(row["readable"] for row in CLASSES),
        palette=[[int(row[c]) for c in ("red", "green", "blue")] for row in CLASSES],
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ignore_index=IGNORED, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict | None:
        """New label of every class, 65 of those left out; None where all are chosen."""
        found = super().get_label_map(new_classes)
        if found is None:
            return None
        return {old: IGNORED if new == VOID else new for old, new in found.items()}
