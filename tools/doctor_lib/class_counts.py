"""How often classes and objects occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np

from mmseg_maskformer.core.conventions import NARROW, VOID, WIDE_VOID
from mmseg_maskformer.datasets.transforms.label_maps import as_classes

from .scan import Facts
from .sources import Source


def void_label(x: Facts, source: Source) -> int:
    """``ignore_index`` of the data set of an item; 65535 where that is a class."""
    return WIDE_VOID if source.num_classes > x.item.void else x.item.void


def labels_read(x: Facts, source: Source) -> dict[int, int | None]:
    """What ``LoadLabelMap`` makes of the values of a label map, None for void."""
    void = void_label(x, source)
    written = VOID if x.label_type in NARROW else void
    values = np.array([*x.values], dtype=np.int32)
    read = as_classes(values, written, x.item.zero_is_void, x.item.label_map)
    voids = {void, written} | ({VOID} if source.num_classes <= VOID else set())
    labels = (None if label in voids else label for label in read.tolist())
    return dict(zip(x.values, labels, strict=True))


def void_labels(x: Facts, source: Source) -> set[int]:
    """Values of a label map that are void."""
    return {v for v, label in labels_read(x, source).items() if label is None}


def highest_label(facts: Sequence[Facts]) -> int:
    """The highest value of label maps of more than 8 bits, void left out."""
    wide = [x.values for x in facts if x.label_type not in NARROW]
    return max((v for values in wide for v in values if v != WIDE_VOID), default=0)


def labels(x: Facts, source: Source) -> Counter[int]:
    """Pixels of each class of a semantic item, as the data set reads it."""
    found: Counter[int] = Counter()
    for value, label in labels_read(x, source).items():
        if label is not None:
            found[label] += x.values[value]
    return found


def class_pixels(x: Facts, source: Source) -> Counter[int]:
    """Pixels of each class of an item; objects, for instances."""
    found: Counter[int] = Counter()
    if source.kind == "semantic":
        found.update(labels(x, source))
    for number, label, _, _ in x.item.objects or ():
        found[label] += (
            1 if source.kind == "instances" else x.values.get(int(number), 0)
        )
    return +found


def class_counts(
    source: Source, facts: Sequence[Facts], split: str
) -> list[Counter[int]]:
    """Those of every image of a split whose labels could be read."""
    return [
        class_pixels(x, source)
        for x in facts
        if x.item.split == split and (x.values or source.kind == "instances")
    ]


def void_share(source: Source, facts: Sequence[Facts]) -> float:
    """Pixels that are no class, as a share of those of all maps."""
    known = sum(class_pixels(x, source).total() for x in facts if x.values)
    total = sum(sum(x.values.values()) for x in facts)
    return 1 - known / total if total else 0.0


def occurrences(source: Source, facts: Sequence[Facts], split: str) -> Counter[int]:
    """Images of a split that each class occurs in."""
    return Counter(chain(*class_counts(source, facts, split)))


def splits(facts: Sequence[Facts]) -> list[str]:
    """Training first, then validation, then others."""
    order = {"train": 0, "val": 1}
    names = dict.fromkeys(x.item.split for x in facts)
    return sorted(names, key=lambda name: order.get(name, 2))


def class_table(source: Source, facts: Sequence[Facts]) -> list[dict[str, object]]:
    """A row a class, those in most images of the first split first.

    Returns:
        Rows with label, name, images of every split, and the percentage of the pixels
        (for instances, of the objects) of the first split that have a class. No rows
        where no label of the first split could be read.
    """
    counts = {split: class_counts(source, facts, split) for split in splits(facts)}
    first = next(iter(counts), "")
    if not counts.get(first):
        return []
    images = {split: Counter(chain(*rows)) for split, rows in counts.items()}
    amounts = sum(counts[first], Counter[int]())
    known = range(len(source.classes)) or sorted(set().union(*images.values()))
    unit = "objects" if source.kind == "instances" else "pixels"
    total = max(sum(amounts.values()), 1)
    return [
        {
            "label": label,
            "name": source.classes[label] if source.classes else "",
            **{f"{split} images": images[split][label] for split in images},
            f"% of {first} {unit}": f"{100 * amounts[label] / total:.4f}",
        }
        for label in sorted(known, key=lambda label: (-images[first][label], label))
    ]


def thing_areas(x: Facts, source: Source) -> list[float]:
    """Pixels of the objects of an item in its file; of their boxes, for instances."""
    objects = [o for o in x.item.objects or () if o[2] and not o[3]]
    if source.kind == "instances":
        return [area for area, *_ in objects]
    return [x.values[int(o[0])] for o in objects if o[0] in x.values]
