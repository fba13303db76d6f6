"""One image: its objects, its panoptic map, and what annotation files say of both.

Objects of an image have numbers from 1; 0 is a pixel without an object, -1 a void one.
Classes are numbered as in ``Classes``; -1 is void.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pycocotools import mask as mask_api

from mmseg_maskformer.core.messages import shown
from mmseg_maskformer.core.panoptic_quality import PanopticMap
from mmseg_maskformer.datasets.coco.masks import (
    codes_of_map,
    encode_polygons,
    measured,
    run_lengths,
)
from mmseg_maskformer.engine.results.coco import segments_info, write_panoptic_map

from .classes import VOID_LABEL, Classes
from .maps import read_numbers, read_size, require_size
from .samples import Sample

ReadIds = Callable[[Path], np.ndarray]


class Converted(NamedTuple):
    """What the files of a split say of an image, and what had to be decided.

    Attributes:
        image: as COCO lists it.
        segments: of its panoptic map, the visible parts alone.
        objects: its whole instances, hidden ones too.
        mixed: objects whose pixels have the labels of several things.
        relabelled: pixels of objects that a label map gives another class.
        unclaimed: pixels that a label map gives to things, where there is no object.
    """

    image: dict
    segments: list[dict]
    objects: list[dict]
    mixed: list[str]
    relabelled: int
    unclaimed: int


def convert(
    sample: Sample, classes: Classes, read_ids: ReadIds, folder: Path
) -> Converted:
    """Write the panoptic map of an image into a folder.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should, or not the size of the image.
    """
    size, things = read_size(sample.image), range(classes.num_things)
    numbers, objects = _objects(sample, size, classes.only, read_ids)
    labels = _labels(sample, size, numbers, classes)
    pixels = _pixels_by_class(numbers, labels)
    mixed = []
    for number, counts in pixels.items():
        if objects[number]["category_id"] is None:
            label = _majority(sample.objects, number, counts, things)
            objects[number]["category_id"] = classes.categories[label]["id"]
            if sum(x in things for x in counts) > 1:
                mixed.append(f"{number} of {sample.objects}")
    ids = [category["id"] for category in classes.categories]
    own = {number: ids.index(row["category_id"]) for number, row in objects.items()}
    found = _painted(numbers, own, labels, len(things))
    write_panoptic_map(folder / f"{sample.key}.png", found.segment_map)
    segments = segments_info(found, ids)
    for row in segments:
        row["iscrowd"] = objects.get(row["id"], row)["iscrowd"]
    others = [x.total() - x[own[k]] - x[VOID_LABEL] for k, x in pixels.items()]
    unclaimed = (numbers == 0) & (labels >= 0) & (labels < len(things))
    return Converted(
        image=dict(sample.entry, height=size[0], width=size[1]),
        segments=segments,
        objects=[*objects.values()],
        mixed=mixed,
        relabelled=sum(others),
        unclaimed=int(unclaimed.sum()),
    )


def _objects(
    sample: Sample, size: tuple[int, int], only: int | None, read_ids: ReadIds
) -> tuple[np.ndarray, dict[int, dict]]:
    """The topmost object (H, W) of each pixel, and by number what COCO says of each.

    Where those of COCO's overlap the smaller one is on top, of equal ones the later;
    crowds are below all others. ``category_id`` is None where label maps say it.
    """
    image_id = sample.entry["id"]
    if isinstance(sample.objects, Path):
        numbers = read_ids(sample.objects)
        require_size(sample.objects, numbers.shape, sample.image, size)
        own = dict(image_id=image_id, category_id=only, iscrowd=0)
        codes = codes_of_map(np.maximum(numbers, 0))
        return numbers, {x: dict(own, **measured(code)) for x, code in codes.items()}
    if "height" in (entry := sample.entry):
        what = f"The entry {image_id} of COCO's instances"
        require_size(what, (entry["height"], entry["width"]), sample.image, size)
    objects = {
        number: dict(
            image_id=image_id,
            category_id=row["category_id"],
            iscrowd=row["iscrowd"],
            **measured(_code(row["segmentation"], size)),
        )
        for number, row in enumerate(sample.objects, start=1)
    }
    numbers = np.zeros(size, np.int32)
    rows = sorted(
        objects.items(), key=lambda x: (-x[1]["iscrowd"], -x[1]["area"], x[0])
    )
    for number, row in rows:
        numbers[mask_api.decode(row["segmentation"]) > 0] = number
    return numbers, objects


def _code(mask: list | dict, size: tuple[int, int]) -> dict:
    """A mask of a file as one compressed run-length code."""
    if isinstance(mask, list):
        return encode_polygons(mask, size)
    return mask_api.merge([run_lengths(dict(mask), size)])  # its counts become bytes


def _labels(
    sample: Sample, size: tuple[int, int], numbers: np.ndarray, classes: Classes
) -> np.ndarray:
    """Class (H, W) of each pixel of a label map; without one of the background."""
    if sample.labels is None:
        return np.where(numbers == 0, classes.background, VOID_LABEL)
    values = read_numbers(sample.labels)
    require_size(sample.labels, values.shape, sample.image, size)
    found, places = np.unique(values, return_inverse=True)
    unnamed = [value for value in found.tolist() if value not in classes.labels]
    if unnamed:
        one = unnamed[0]
        raise ValueError(
            f"The label map {sample.labels} has the value(s) {shown(unnamed)}, which "
            f"have no name: write --things {one}=NAME or --stuff {one}=NAME, or "
            f"--void {one} and all other values that are void."
        )
    table = [classes.labels[value] for value in found.tolist()]
    return np.array(table)[places].reshape(values.shape)


def _pixels_by_class(
    numbers: np.ndarray, labels: np.ndarray
) -> dict[int, Counter[int]]:
    """Pixels of each class, void among them, in each object that is visible."""
    inside = numbers > 0
    step = int(labels.max()) + 2
    pairs = numbers[inside].astype(np.int64) * step + labels[inside] + 1
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for pair, pixels in zip(*np.unique(pairs, return_counts=True), strict=True):
        number, label = divmod(int(pair), step)
        counts[number][label - 1] = int(pixels)
    return counts


def _majority(
    path: Path | list, number: int, counts: Counter[int], things: range
) -> int:
    """The class of things that more than half of an object's pixels have."""
    label, most = counts.most_common(1)[0]
    if label in things and 2 * most > counts.total():
        return label
    raise ValueError(
        f"No class of things has more than half of the {counts.total()} pixels of the "
        f"object {number} in {path}: correct one of its two maps. If the id marks "
        f"void, write --void-id={number}."
    )


def _painted(
    numbers: np.ndarray, own: dict[int, int], labels: np.ndarray, num_things: int
) -> PanopticMap:
    """The panoptic map of an image; its categories are classes.

    Objects lie above stuff and keep their numbers. A label of things where there is no
    object is void.
    """
    segment_map = np.maximum(numbers, 0)
    segments = {x: own[x] for x in np.unique(segment_map).tolist() if x}
    stuff = np.where((numbers == 0) & (labels >= num_things), labels, VOID_LABEL)
    unused = (number for number in count(1) if number not in own)
    for label in np.unique(stuff[stuff != VOID_LABEL]).tolist():
        number = next(unused)
        segment_map[stuff == label] = number
        segments[number] = label
    return PanopticMap(
        segment_map, np.array([*segments]), np.array([*segments.values()])
    )
