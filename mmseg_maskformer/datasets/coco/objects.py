"""Objects of an annotation file, whose masks say where they are and how large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pycocotools import mask as mask_api

from .files import CocoFile
from .masks import (
    Size,
    area_of,
    broken,
    encode_polygons,
    extent,
    filling,
    has_idle_part,
    polygons,
    run_lengths,
)
from .values import box, measure

_AT_ONCE = 1000  # codes whose counts are added together


def prepare_objects(file: CocoFile) -> None:
    """Check the objects of a file and bring them to one form, for data and metrics.

    Afterwards ids count from 1; ``image_id`` and ``category_id`` are those of the
    file's lists, ``iscrowd`` is 0 or 1, and objects that are marked ``ignore`` are
    crowds. Every object has a pixel at least, and the ``bbox`` and ``area`` of its
    mask; those of the file stay where they agree with it, to a pixel and a tenth.
    Images without a size get that of a run-length code, or one that holds their
    polygons; then ``sized`` stays False.

    Raises:
        ValueError: The file is panoptic or holds no object, or one has no image_id,
            category_id or mask, or one that cannot be read.
    """
    file.check_kind(panoptic=False)
    keys = {"image_id", "category_id", "segmentation"}
    file.require(keys, "annotation", file.annotations)
    file.find_images()
    file.set_numbers("annotation", file.annotations, "category_id")
    listed = {category["name"] for category in file.categories}
    file.check_category_ids(file.annotations, among=listed, what="objects")
    for key in ("iscrowd", "ignore"):
        file.set_flags("annotation", file.annotations, key)
    _excuse_ignored(file)
    _measure(file)
    for place, row in enumerate(file.annotations, start=1):
        row["id"] = place
    file.check_some(file.annotations)
    file.count_crowds("objects", file.annotations)


def choose_classes(file: CocoFile, classes: Any) -> None:
    """Leave out the objects of categories that are no classes."""
    chosen = {x["id"] for x in file.categories if x["name"] in classes}
    kept = [x for x in file.annotations if x["category_id"] in chosen]
    file.say(
        len(file.annotations) - len(kept),
        len(file.annotations),
        "objects are left out: metainfo['classes'] does not have their category.",
        warn=False,
    )
    file.check_some(kept)
    file.content["annotations"] = kept


def _excuse_ignored(file: CocoFile) -> None:
    ignored = [row for row in file.annotations if row.pop("ignore")]
    for row in ignored:
        row["iscrowd"] = 1
    file.say(
        len(ignored),
        len(file.annotations),
        "objects are marked ignore and treated as crowds.",
    )


def _measure(file: CocoFile) -> None:
    """Leave objects without a pixel out, and give the others box and area."""
    images = {image["id"]: image for image in file.images}
    codes = [_code(file, row, images) for row in file.annotations]
    _check_codes(file)
    kept, corrected, idle = [], 0, 0
    for row, code in zip(file.annotations, codes, strict=True):
        area = area_of(code) if code else 0
        if code and area:
            around = mask_api.toBbox(code).tolist()
            corrected += _correct(row, area, around)
            parts = row["segmentation"]
            idle += isinstance(parts, list) and has_idle_part(parts, code)
            kept.append(row)
    total = len(file.annotations)
    file.say(
        total - len(kept), total, "objects are left out: their masks have no pixel."
    )
    file.say(
        corrected,
        total,
        "objects have an area or a bbox that their masks contradict: that of the mask "
        "is taken.",
        warn=False,
    )
    file.say(
        idle,
        total,
        "objects have a polygon inside another, where it adds nothing: in COCO's format"
        " polygons are no holes. Write masks with holes as run lengths.",
        warn=idle >= total / 100,
    )
    file.content["annotations"] = kept


def _check_codes(file: CocoFile) -> None:
    """Refuse compressed run-length codes that do not fill their size."""
    rows = [
        row
        for row in file.annotations
        if isinstance(row["segmentation"], dict)
        and isinstance(row["segmentation"]["counts"], str)
    ]
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        good = filling([row["segmentation"] for row in some])
        for row in (row for row, ok in zip(some, good, strict=True) if not ok):
            raise _mask_error(file, row, broken(row["segmentation"]))


def _mask_error(file: CocoFile, row: dict, text: object) -> ValueError:
    return file.error("annotation", row, f"has a mask that {text}.")


def _code(file: CocoFile, row: dict, images: dict[Any, dict]) -> dict | None:
    """The run-length code of an object; None where it is less than a polygon."""
    image, mask = images[row["image_id"]], row["segmentation"]
    size: Size | None = (image["height"], image["width"]) if image["sized"] else None
    try:
        if isinstance(mask, dict):
            code = run_lengths(mask, size)
            if size is None:
                image.update(height=mask["size"][0], width=mask["size"][1], sized=True)
            return code
        if not isinstance(mask, list):
            raise ValueError(f"is {mask!r:.60}, no polygons and no run-length code")
        parts = row["segmentation"] = polygons(mask, size)
    except ValueError as error:
        raise _mask_error(file, row, error) from None
    if not parts:
        return None
    if size is None:
        size = extent(parts)
        height, width = size
        image["height"] = max(image["height"], height)
        image["width"] = max(image["width"], width)
    return encode_polygons(parts, size)


def _correct(row: dict, area: int, around: list[float]) -> bool:
    """Give an object the numbers of its mask; whether its own were others."""
    own_area, own_box = measure(row.get("area")), box(row.get("bbox"))
    fits = own_area is not None and abs(own_area - area) <= area / 10
    near = own_box is not None and min(own_box[2:]) >= 1 and _near(own_box, around)
    given = {"area", "bbox"} & row.keys()
    if not fits:
        row["area"] = area
    if not near:
        row["bbox"] = around
    return bool({key for key, ok in (("area", fits), ("bbox", near)) if not ok} & given)


def _near(own: Sequence[float], around: Sequence[float]) -> bool:
    """Whether a box is that of a mask to a pixel, and has pixels of it inside."""
    for axis in (0, 1):
        start, end = own[axis], own[axis] + own[axis + 2]
        first, last = around[axis], around[axis] + around[axis + 2]
        if max(abs(start - first), abs(end - last)) > 1:
            return False
        if min(end, last) <= max(start, first):
            return False
    return True
