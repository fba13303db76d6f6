"""One image: its panoptic map, and what annotation files say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmseg_maskformer.core.panoptic_quality import PanopticMap
from mmseg_maskformer.datasets.coco.masks import measured
from mmseg_maskformer.engine.results.coco import segments_info, write_panoptic_map

from .classes import Classes
from .folders import Sample
from .labels import VOID_LABEL, label_classes, labels_of_objects, majority
from .maps import IdMaps, read_numbers, read_size, require_size
from .objects import Objects, of_coco, of_id_map


@dataclass
class Notes:
    """What had to be decided.

    Args:
        mixed: objects whose pixels have the labels of several things.
        relabelled: pixels of objects that a label map gives another class.
        unclaimed: pixels that a label map gives to things, where there is no object.
        hidden: objects that others cover altogether.
    """

    mixed: list[str] = field(default_factory=list)
    relabelled: int = 0
    unclaimed: int = 0
    hidden: int = 0


class Converted(NamedTuple):
    """What the files of a split say of an image, and the notes on it."""

    image: dict
    panoptic: dict
    instances: list[dict]
    notes: Notes


def convert(
    sample: Sample, classes: Classes, id_maps: IdMaps, folder: Path
) -> Converted:
    """Write the panoptic map of an image into a folder.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should, or not the size of the image.
    """
    size = read_size(sample.image)
    objects = _objects(sample, size, classes, id_maps)
    notes = Notes()
    labels = None
    if sample.labels is not None:
        values = read_numbers(sample.labels)
        require_size(sample.labels, values.shape, sample.image, size)
        labels = label_classes(sample.labels, values, classes)
        _compare(objects, labels, classes.num_things, notes)
    found = painted(objects, labels, classes)
    notes.hidden = len(objects.codes.keys() - set(found.ids.tolist()))
    name = f"{sample.key}.png"
    write_panoptic_map(folder / name, found.segment_map)
    image_id = sample.entry["id"]
    return Converted(
        image=dict(sample.entry, height=size[0], width=size[1]),
        panoptic=dict(
            image_id=image_id,
            file_name=name,
            segments_info=_segments(found, objects, classes),
        ),
        instances=_instances(objects, image_id, classes),
        notes=notes,
    )


def _objects(
    sample: Sample, size: tuple[int, int], classes: Classes, id_maps: IdMaps
) -> Objects:
    """The objects of an image, with their classes as far as they are known."""
    if isinstance(sample.objects, list):
        entry = sample.entry
        if "height" in entry:
            what = f"The entry {entry['id']} of COCO's instances"
            require_size(what, (entry["height"], entry["width"]), sample.image, size)
        return of_coco(sample.objects, size, classes)
    objects = of_id_map(sample.objects, id_maps, classes.only)
    require_size(sample.objects, objects.numbers.shape, sample.image, size)
    return objects


def _compare(
    objects: Objects, labels: np.ndarray, num_things: int, notes: Notes
) -> None:
    """Find out classes of objects that have none, and what a label map contradicts."""
    counts = labels_of_objects(objects.numbers, labels)
    if not objects.classes:
        for number, pixels in counts.items():
            objects.classes[number] = majority(objects.name, number, pixels, num_things)
            if sum(0 <= label < num_things for label in pixels) > 1:
                notes.mixed.append(f"{number} of {objects.name}")
    own = objects.classes
    notes.relabelled = sum(
        sum(pixels.values()) - pixels[own[number]] - pixels[VOID_LABEL]
        for number, pixels in counts.items()
    )
    free = (objects.numbers == 0) & ~objects.void
    notes.unclaimed = int((free & (labels >= 0) & (labels < num_things)).sum())


def painted(
    objects: Objects, labels: np.ndarray | None, classes: Classes
) -> PanopticMap:
    """The panoptic map of an image; its categories are classes.

    Objects lie above stuff and keep their numbers. A label of things where there is no
    object is void.

    Args:
        objects: all have a class.
        labels: (H, W) class of each pixel, -1 where void; None without a label map.
        classes: of the data set.
    """
    segment_map = objects.numbers.copy()
    free = (segment_map == 0) & ~objects.void
    if labels is None:
        background = classes.background
        around = np.full(free.shape, VOID_LABEL if background is None else background)
    else:
        around = np.where(labels >= classes.num_things, labels, VOID_LABEL)
    around[~free] = VOID_LABEL
    visible = sorted({*np.unique(segment_map).tolist()} - {0})
    found = {number: objects.classes[number] for number in visible}
    unused = (number for number in count(1) if number not in objects.codes)
    for label in sorted({*np.unique(around).tolist()} - {VOID_LABEL}):
        number = next(unused)
        segment_map[around == label] = number
        found[number] = label
    return PanopticMap(segment_map, np.array([*found]), np.array([*found.values()]))


def _segments(found: PanopticMap, objects: Objects, classes: Classes) -> list[dict]:
    """The list of a map's segments, of their visible parts."""
    rows = segments_info(found, [category["id"] for category in classes.categories])
    return [dict(row, iscrowd=int(row["id"] in objects.crowds)) for row in rows]


def _instances(objects: Objects, image_id: int | str, classes: Classes) -> list[dict]:
    """Objects as COCO lists them, covered parts included; ids are still to be given."""
    return [
        dict(
            image_id=image_id,
            category_id=classes.categories[objects.classes[number]]["id"],
            iscrowd=int(number in objects.crowds),
            **measured(code),
        )
        for number, code in objects.codes.items()
    ]
