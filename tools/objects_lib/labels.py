"""What label maps say of objects and of what lies around them."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from mmseg_maskformer.core.conventions import shown

from .classes import Classes

VOID_LABEL = -1


def label_classes(path: Path, values: np.ndarray, classes: Classes) -> np.ndarray:
    """Class (H, W) of each pixel of a label map, -1 where void.

    Raises:
        ValueError: A value has no name.
    """
    found, places = np.unique(values, return_inverse=True)
    unnamed = sorted({*found.tolist()} - {*classes.labels, *classes.void})
    if unnamed:
        raise ValueError(
            f"The label map {path} has the value(s) {shown(unnamed)}, which have no "
            f"name: write --things {unnamed[0]}=NAME or --stuff {unnamed[0]}=NAME, or "
            f"--void {unnamed[0]} and all other values that are void."
        )
    table = [classes.labels.get(value, VOID_LABEL) for value in found.tolist()]
    return np.array(table)[places].reshape(values.shape)


def labels_of_objects(
    numbers: np.ndarray, labels: np.ndarray
) -> dict[int, Counter[int]]:
    """Pixels of each class, void among them, in each object.

    Args:
        numbers: (H, W) object of each pixel, 0 where there is none.
        labels: (H, W) class of each pixel, -1 where void.
    """
    inside = numbers > 0
    step = int(labels.max()) + 2
    pairs = numbers[inside].astype(np.int64) * step + labels[inside] + 1
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for pair, pixels in zip(*np.unique(pairs, return_counts=True), strict=True):
        number, label = divmod(int(pair), step)
        counts[number][label - 1] = int(pixels)
    return counts


def majority(name: str, number: int, counts: Counter[int], num_things: int) -> int:
    """The class of things that more than half of an object's pixels have.

    Args:
        name: of the id map, for the message.
        number: of the object.
        counts: pixels of each class in it.
        num_things: classes below are things.

    Raises:
        ValueError: There is no such class.
    """
    label, most = counts.most_common(1)[0]
    total = sum(counts.values())
    if 0 <= label < num_things and 2 * most > total:
        return label
    raise ValueError(
        f"No class of things has more than half of the {total} pixels of the object "
        f"{number} in {name}: correct one of its two maps. If the id marks void, write "
        f"--void-id={number}."
    )
