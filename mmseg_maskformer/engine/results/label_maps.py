"""Label maps as files, with the values that the data set's own files have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmseg_maskformer.core.conventions import VOID, WIDE_VOID

# labelId of each class of Cityscapes (cityscapesscripts, labels.py): what its server
# reads. Models are trained on other numbers, its trainIds.
CITYSCAPES_IDS = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
_CITYSCAPES = {"CityscapesDataset", "CityscapesPanopticDataset"}
_BYTE, _WIDE = np.iinfo(np.uint8).max, np.iinfo(np.uint16).max


@dataclass(frozen=True)
class LabelValues:
    """The value that each class has in a file.

    Attributes:
        of_class: (K,) values.
        void: value of pixels that have none of the classes.
    """

    of_class: np.ndarray
    void: int

    @classmethod
    def of(cls, dataset: Any) -> LabelValues:
        """Those of a data set of either host.

        What loading does to labels is undone: ``reduce_zero_label``, with 0 as void,
        and a choice of classes. Cityscapes has its labelIds, ADE20K with panoptic
        classes of its own the values of the semantic set. A class of merged labels has
        no single value in the files: where labels are merged, classes are numbered.
        Otherwise void is the data set's ``ignore_index`` (65 for Mapillary Vistas),
        255 where that may be a class, 65535 where 255 may be one.
        """
        classes = dataset.metainfo["classes"]
        labels = np.arange(len(classes))
        kinds = {kind.__name__ for kind in type(dataset).__mro__}
        if kinds & _CITYSCAPES and set(classes) <= set(CITYSCAPES_IDS):
            return cls(np.array([CITYSCAPES_IDS[x] for x in classes]), void=0)
        semantic = _semantic_labels(type(dataset))
        if semantic and set(classes) <= set(semantic):
            return cls(np.array([semantic[x] for x in classes]) + 1, void=0)
        chosen = [
            (old, new)
            for old, new in (getattr(dataset, "label_map", None) or {}).items()
            if new < len(classes) and new != VOID  # left out
        ]
        if len({new for _, new in chosen}) == len(chosen):  # none are merged
            for old, new in chosen:
                labels[new] = old
        if getattr(dataset, "reduce_zero_label", False):
            return cls(labels + 1, void=0)
        voids = (getattr(dataset, "ignore_index", VOID), VOID)
        highest = labels.max(initial=0)
        return cls(labels, next((x for x in voids if x > highest), WIDE_VOID))

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """A map (H, W) of classes as uint8, or uint16 if a class needs it.

        Raises:
            ValueError: A class has a value that does not fit into 16 bits.
        """
        highest = max(self.of_class.max(initial=0), self.void)
        if highest > _WIDE:
            raise ValueError(
                f"A class has the value {highest} in label maps, and PNG files hold "
                f"16 bits, 0..{_WIDE}. Choose fewer classes by metainfo."
            )
        table = np.append(self.of_class, self.void)
        known = (labels >= 0) & (labels < len(self.of_class))
        values = table[np.where(known, labels, len(self.of_class))]
        return values.astype(np.uint8 if highest <= _BYTE else np.uint16)


def _semantic_labels(kind: type) -> dict[str, int]:
    """Label of each class in the semantic set, where a panoptic data set says it."""
    own = getattr(kind, "METAINFO", {})
    labels = own.get("semantic_labels", ())
    return dict(zip(own["classes"], labels, strict=True)) if labels else {}


def write_label_map(path: Path, values: np.ndarray) -> None:
    """Write a map (H, W) of 8 or 16 bits as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
