"""Panoptic classes of data sets whose semantic classes mix things and stuff.

Panoptic models here have the things before the stuff; the authors' keep the order of
the semantic data set. Of each class here its semantic class is listed.
"""

from __future__ import annotations

from collections.abc import Collection

from .ade20k_panoptic_classes import NUM_CLASSES, THINGS

MAPILLARY_THINGS = (
    *(0, 1, 8),
    *range(19, 24),
    *range(32, 43),
    *range(44, 58),
    *range(59, 63),
)


def _things_first(things: Collection[int], num_classes: int) -> list[int]:
    return [*things, *(x for x in range(num_classes) if x not in things)]


CLASS_ORDERS = {
    "ade20k": _things_first(THINGS, NUM_CLASSES),
    "cityscapes": _things_first(range(11, 19), 19),
    "mapillary": _things_first(MAPILLARY_THINGS, 65),
}
