"""Mapillary Vistas 1.2 with the 65 classes that its benchmark evaluates."""

from __future__ import annotations

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

    label_map: dict[int, int] | None
    METAINFO = dict(
        classes=tuple(row["readable"] for row in CLASSES),
        palette=[[int(row[c]) for c in ("red", "green", "blue")] for row in CLASSES],
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ignore_index=IGNORED, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Pair images and label maps by name; void stays one label, 65."""
        if self.label_map is not None:
            self.label_map = {
                old: IGNORED if new == VOID else new
                for old, new in self.label_map.items()
            }
        return super().load_data_list()
