"""Segments of a panoptic annotation file, whose maps say where they are."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mmseg_maskformer.core.messages import shown

from .files import CocoFile
from .values import box, measure

_MOST = 256**3 - 1  # the largest id that a PNG holds


def prepare_segments(file: CocoFile) -> None:
    """Check the segments of a file and bring them to one form, for data and metrics.

    Afterwards ``image_id``, ``category_id`` and ``id`` are integers (``image_id`` may
    be text), ``iscrowd`` is 0 or 1, and every segment has an ``area`` and a ``bbox`` of
    a pixel or more: that of the file, or a pixel and the whole image, where hosts would
    leave the segment out and its pixels would belong to nothing.

    Raises:
        ValueError: It is a file of objects, holds no segment, an image without entry or
            with two, or segments that no map can hold.
    """
    file.check_kind(panoptic=True)
    file.find_images()
    file.require({"file_name", "segments_info"}, "annotation", file.annotations)
    for row in file.annotations:
        file.require({"id", "category_id"}, "segment", row["segments_info"])
    segments = file.segments
    file.check_some(segments)
    _check_entries(file)
    file.set_numbers("segment", segments, "id")
    file.set_numbers("segment", segments, "category_id")
    file.set_flags("segment", segments, "iscrowd")
    _check_ids(file)
    _check_crowds(file)
    _fill_in(file)


def segment_ids(colours: np.ndarray) -> np.ndarray:
    """(H, W) int32 ids of the segments in a panoptic map (H, W, 3), red first."""
    return colours.astype(np.int32) @ np.array([1, 256, 65536], dtype=np.int32)


def _check_entries(file: CocoFile) -> None:
    """Every image has one entry, which names a map."""
    times = Counter(row["image_id"] for row in file.annotations)
    twice = [image_id for image_id, count in times.items() if count > 1]
    if twice:
        raise ValueError(
            f"{file.name} has more than one annotation for the image id(s) "
            f"{shown(twice)}. Put all segments of an image into one; where files were "
            "joined, number the images of the second anew."
        )
    bare = [image["id"] for image in file.images if image["id"] not in times]
    if bare:
        raise ValueError(
            f"{file.name} has no annotation for {len(bare)} of its images, with "
            f"the id(s) {shown(bare)}. Annotate them or remove them from the file."
        )
    for row in file.annotations:
        if not isinstance(row["file_name"], str):
            raise file.error("annotation", row, "has no name of a panoptic map.")


def _check_ids(file: CocoFile) -> None:
    """Ids of an image's segments are its own, and such that a map can hold them."""
    for row in file.annotations:
        times = Counter(segment["id"] for segment in row["segments_info"])
        wrong = [x for x, count in times.items() if count > 1 or not 0 < x <= _MOST]
        if wrong:
            raise ValueError(
                f"{file.name} lists the segment id(s) {shown(wrong)} of "
                f"{row['file_name']} twice or as 0, which is void, or they are beyond "
                f"1..{_MOST}, R + 256 G + 65536 B. Give every segment a positive id of "
                "its own."
            )


def _check_crowds(file: CocoFile) -> None:
    """Refuse crowds of stuff, which hosts do not tell from other stuff; count others.

    Categories say ``isthing``, or all are things.
    """
    things = {x["id"] for x in file.categories if x.get("isthing", 1)}
    for segment in file.segments:
        if segment["iscrowd"] and segment["category_id"] not in things:
            raise ValueError(
                f"{file.name} has the crowd {segment['id']} of the stuff category "
                f"{segment['category_id']}: only things can be crowds. Set iscrowd "
                "to 0, or paint the segment black (void) and remove it."
            )
    objects = [x for x in file.segments if x["category_id"] in things]
    file.count_crowds("segments of things", objects)


def _fill_in(file: CocoFile) -> None:
    sizes = {x["id"]: (x["height"], x["width"]) for x in file.images}
    for row in file.annotations:
        height, width = sizes[row["image_id"]]
        for segment in row["segments_info"]:
            around = box(segment.get("bbox"))
            if around is None or min(around[2:]) < 1:
                segment["bbox"] = [0, 0, width, height]
            segment["area"] = max(measure(segment.get("area")) or 1, 1)
