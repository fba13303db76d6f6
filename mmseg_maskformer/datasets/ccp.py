"""Clothing Co-Parsing: street photos with many classes, most of them rare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.datasets.classes import read_class_table
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.palette import class_palette

LABELS = read_class_table("ccp")  # index, name, train_images, of_22, of_9, of_3
SIZES = (55, 22, 9, 3)


def merged(num_classes: int) -> tuple[list[str], dict[int, int]]:
    """Names of the classes, and the class of every label of the files.

    Of the 59 labels 55 occur; the others are void with 55 classes.

    Raises:
        ValueError: Labels are not merged to that many classes.
    """
    if num_classes not in SIZES:
        raise ValueError(
            f"CCPDataset.num_classes={num_classes}: its labels are merged to "
            f"{', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} classes."
        )
    if num_classes == SIZES[0]:
        classes = {
            int(row["index"]): row["name"] for row in LABELS if int(row["train_images"])
        }
    else:
        classes = {int(row["index"]): row[f"of_{num_classes}"] for row in LABELS}
    names = list(dict.fromkeys(classes.values()))
    new = {label: names.index(name) for label, name in classes.items()}
    return names, {label: new.get(label, VOID) for label in range(len(LABELS))}


class CCPDataset(LabelMapDataset):
    """Clothing Co-Parsing: 804 train and 200 val images of up to 384 x 264.

    Layout: ``images/{split}/*.jpg`` and ``annotations/{split}/*.png`` (uint8, the value
    is one of 59 labels, nothing is void). Labels are merged when a map is read; a value
    that is no label stays as it is, and is reported with the name of its image as
    everywhere. With 55 classes ``metainfo["train_images"]`` says in how many training
    images each of them occurs.

    Args:
        num_classes: 55 (the labels that occur), 22, 9 or 3, which are unions of them.
        kwargs: of the host's ``BaseSegDataset``, without ``metainfo``.

    Raises:
        ValueError: Labels are not merged to that many classes.
    """

    def __init__(self, num_classes: int = SIZES[0], **kwargs: Any) -> None:
        names, _ = merged(num_classes)
        metainfo: dict[str, Any] = dict(
            classes=tuple(names), palette=class_palette(len(names))
        )
        if num_classes == SIZES[0]:
            counts = [int(row["train_images"]) for row in LABELS]
            metainfo["train_images"] = tuple(count for count in counts if count)
        super().__init__(metainfo=metainfo, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict[int, int]:
        """The class of every label of the files."""
        return merged(len(new_classes or ()))[1]
