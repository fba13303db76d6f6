"""How often classes and objects occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mmseg_maskformer.core.conventions import VOID

from .scan import Facts
from .sources import Source


def labels(x: Facts, source: Source) -> dict[int, int]:
    """Pixels of each class of a semantic item, without void."""
    values = {v: n for v, n in x.values.items() if v != VOID}
    if not source.zero_is_void:
        return values
    return {v - 1: n for v, n in values.items() if v > 0}


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


def occurrences(source: Source, facts: Sequence[Facts], split: str) -> Counter[int]:
    """Images of a split that each class occurs in."""
    found: Counter[int] = Counter()
    for x in facts:
        if x.item.split == split:
            found.update(list(class_pixels(x, source)))
    return found


def thing_areas(x: Facts, source: Source) -> list[float]:
    """Pixels of the objects of an item; those of their boxes, for instances."""
    objects = [o for o in x.item.objects or () if o[2] and not o[3]]
    if source.kind == "instances":
        return [area for area, *_ in objects]
    return [x.values.get(int(number), 0) for number, *_ in objects]
