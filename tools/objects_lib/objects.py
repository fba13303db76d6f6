"""The objects of an image, whatever file they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_api

from mmseg_maskformer.datasets.coco.masks import codes_of_map, drawn, run_lengths

from .classes import Classes
from .maps import IdMaps


@dataclass
class Objects:
    """The objects of an image.

    Args:
        numbers: (H, W) int32 number of the topmost object, 0 where there is none.
        codes: run-length code of the whole mask of each number.
        void: (H, W) boolean, pixels that are neither object nor stuff.
        classes: class of each number, empty where it is to be found out.
        crowds: numbers of the crowds.
        name: of their file, for messages.
    """

    numbers: np.ndarray
    codes: dict[int, dict]
    void: np.ndarray
    classes: dict[int, int] = field(default_factory=dict)
    crowds: frozenset[int] = frozenset()
    name: str = ""


def of_id_map(path: Path, id_maps: IdMaps, only: int | None) -> Objects:
    """The objects of an id map; their numbers are its ids.

    Args:
        path: of the map.
        id_maps: how it is read.
        only: the class of all of them, None where it is to be found out.
    """
    numbers, void = id_maps.read(path)
    codes = codes_of_map(numbers)
    classes = {} if only is None else dict.fromkeys(codes, only)
    return Objects(numbers, codes, void, classes, name=str(path))


def of_coco(rows: list[dict], size: tuple[int, int], classes: Classes) -> Objects:
    """Objects of a file of COCO's instances, numbered from 1.

    Where they overlap the smaller one is on top, of equal ones the later; crowds are
    below all others.

    Args:
        rows: of the file, as ``prepare_objects`` leaves them.
        size: height and width of the image.
        classes: of the data set.
    """
    listed = dict(enumerate(rows, start=1))
    codes = {number: _code(row["segmentation"], size) for number, row in listed.items()}
    areas = {number: int(mask_api.area(code)) for number, code in codes.items()}
    crowds = frozenset(number for number, row in listed.items() if row["iscrowd"])
    numbers = np.zeros(size, np.int32)
    for number in sorted(listed, key=lambda x: (x not in crowds, -areas[x], x)):
        numbers[mask_api.decode(codes[number]).astype(bool)] = number
    order = {category["id"]: place for place, category in enumerate(classes.categories)}
    found = {number: order[row["category_id"]] for number, row in listed.items()}
    return Objects(numbers, codes, np.zeros(size, bool), found, crowds)


def _code(mask: list | dict, size: tuple[int, int]) -> dict:
    """A mask of a file as one compressed run-length code."""
    if isinstance(mask, list):
        return drawn(mask, size)
    code = run_lengths(dict(mask), size)
    counts = code["counts"]
    return dict(code, counts=counts.encode() if isinstance(counts, str) else counts)
