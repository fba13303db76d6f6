"""ADE20K's 150 classes as things and stuff.

A class is known by its place in the semantic data set, 0..149, which is also its
category in panoptic annotations; models here have the things before the stuff.
"""

from __future__ import annotations

NUM_CLASSES = 150
STUFF = (
    *(0, 1, 2, 3, 4, 5, 6, 9, 11, 13, 16, 17, 21, 25, 26, 28, 29, 34, 40, 46, 48, 51),
    *(52, 54, 59, 60, 61, 63, 68, 77, 79, 84, 91, 94, 96, 99, 100, 101, 105, 106, 109),
    *(113, 114, 117, 122, 128, 131, 140, 141, 145),
)
# Category j of the instance annotations, from 1, is the j-th of these.
THINGS = tuple(sorted(set(range(NUM_CLASSES)) - set(STUFF)))
