"""Annotation files that metrics read, against the data set that is evaluated."""

from __future__ import annotations

import logging
import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from os import path as osp
from typing import Any

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from mmseg_maskformer.core.messages import shown
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.index import fill_index
from mmseg_maskformer.datasets.coco.objects import prepare_objects
from mmseg_maskformer.datasets.coco.segments import prepare_segments, segment_ids
from mmseg_maskformer.datasets.coco.values import identifier
from mmseg_maskformer.datasets.file_errors import naming_file
from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.datasets.wrappers import leaf_datasets

_REMEDY = "Correct ann_file of the metric in val_evaluator and test_evaluator."


def check_truth(metric: Any, dataset: Any) -> None:
    """Check the truth of a metric in COCO's format; other metrics are left alone.

    Its file must hold every image of the data set, by id, name and size. The file of a
    host's metric, whose ids must be equal in type too, is brought to the form that
    pycocotools needs.

    Raises:
        ValueError: It is the file of another data set, or cannot be evaluated.
    """
    index = getattr(metric, "_coco_api", None)
    if index is None:
        _check_own_truth(metric, dataset)
        return
    file = getattr(metric, "file", None)
    if isinstance(file, CocoFile):
        as_text = {str(image["id"]): image for image in file.images}
        _compare(file, dataset, lambda x: as_text.get(str(identifier(x))))
        return
    file = CocoFile(index.dataset, f"the annotation file of {type(metric).__name__}")
    _repair(metric, file, metainfo_of(dataset))
    images = {image["id"]: image for image in file.images}
    items = _compare(file, dataset, images.get)
    if getattr(metric, "img_ids", 0) is None:
        metric.img_ids = [item["img_id"] for item in items]  # not all of the file


def _check_own_truth(metric: Any, dataset: Any) -> None:
    """Refuse a metric without a file where data tell it no masks, or two images as one.

    ThingAP takes masks from the panoptic maps and numbers images by itself.
    """
    if not hasattr(metric, "_coco_api") or getattr(metric, "from_segments", False):
        return
    items = [item for leaf in leaf_datasets(dataset) for item in _entries(leaf)]
    numbers = Counter(item["img_id"] for item in items)
    repeated = [number for number, count in numbers.items() if count > 1]
    if repeated:
        raise ValueError(
            f"{type(metric).__name__} without ann_file tells images apart by their "
            f"ids, and {len(repeated)} id(s) are those of several images that are "
            f"evaluated: {shown(repeated)}. Give it one file of all images, or "
            "evaluate one data set at a time."
        )
    if "segm" not in getattr(metric, "metrics", ()):
        return
    for item in items:
        if any("mask" not in x for x in item.get("instances", ())):
            raise ValueError(
                f"{type(metric).__name__} without ann_file takes the objects of the "
                "data set, and those of a panoptic data set have no masks. Give it the "
                "file of instances: dict(type='mmseg_maskformer.CocoMetric', "
                "ann_file='...', metric='segm'). Without one take ThingAP."
            )


def _compare(
    file: CocoFile, dataset: Any, find: Callable[[Any], dict | None]
) -> list[dict]:
    """Entries of the data set, of which the file must have every image as they do."""
    items = [(leaf, x) for leaf in leaf_datasets(dataset) for x in _entries(leaf)]
    pairs = [(leaf, item, find(item["img_id"])) for leaf, item in items]
    lacking = [item["img_id"] for _, item, image in pairs if image is None]
    if lacking:
        examples = shown(repr(x) for x in lacking)
        own = shown(repr(image["id"]) for image in file.images)
        raise ValueError(
            f"{file.name} lacks {len(lacking)} of the {len(items)} images that are "
            f"evaluated, those with the id(s) {examples}; its ids are {own}. {_REMEDY}"
        )
    for leaf, item, image in pairs:
        _compare_images(file, leaf, item, image or {})
    _compare_objects(file, pairs)
    return [item for _, item in items]


def _compare_images(file: CocoFile, leaf: Any, item: dict, image: dict) -> None:
    """Refuse another name or another size of an image."""
    path = item.get("img_path") or image["file_name"]
    if isinstance(path, str) and _stem(path) != _stem(image["file_name"]):
        raise ValueError(
            f"{file.name} has {image['file_name']} as the image of id "
            f"{image['id']!r}, but the data set that is evaluated has {path}: it "
            f"belongs to another data set. {_REMEDY}"
        )
    unsized = item["img_id"] in getattr(leaf, "_unsized", ())
    if not image["sized"] or unsized or not {"height", "width"} <= set(item):
        return
    sizes = [f"{x['height']} x {x['width']}" for x in (image, item)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{file.name} gives {image['file_name']} {sizes[0]} pixels (height x "
            f"width), but the file of the data that are evaluated {sizes[1]}: it "
            f"belongs to another data set, or one of them is wrong. {_REMEDY}"
        )


def _compare_objects(file: CocoFile, pairs: list[tuple[Any, dict, Any]]) -> None:
    """Compare how many objects of each class the images have here and there.

    Panoptic files and files of instances of the same pictures differ a little. Where
    they differ by a tenth, that is a warning, or an error if they also lie apart.
    """
    theirs = _listed(file)
    ours = [_objects(leaf, item) for leaf, item, _ in pairs]
    both = {x["name"] for x in file.categories} & {name for x in ours for name in x}
    total = different = 0
    for own, (_, _, image) in zip(ours, pairs, strict=True):
        here, there = (
            Counter(name for name in objects if name in both)
            for objects in (own, theirs[image["id"]])
        )
        total += max(here.total(), there.total())
        different += max((here - there).total(), (there - here).total())
    if 10 * different <= total:
        return
    files = {osp.abspath(x.ann_file) for x, *_ in pairs if getattr(x, "ann_file", "")}
    message = (
        f"{file.name} has other objects than {shown(sorted(files))}, the file of the "
        f"data that are evaluated: {different} of {total} are in one of them alone, or "
        f"of another class. {_REMEDY}"
    )
    folders = {osp.dirname(name) for name in files}
    apart = osp.dirname(osp.abspath(file.name)) not in folders
    if osp.isfile(file.name) and apart:  # not, for instance, of an address
        raise ValueError(message)
    print_log(message, "current", logging.WARNING)


def _listed(file: CocoFile) -> dict[Any, list[str]]:
    """Classes of the objects, or of the segments, of each image."""
    names = {x["id"]: x["name"] for x in file.categories}
    found: dict[Any, list[str]] = defaultdict(list)
    for row in file.annotations:
        for part in row.get("segments_info", [row]):
            found[row["image_id"]].append(names[part["category_id"]])
    return found


def _objects(leaf: Any, item: dict) -> list[str]:
    """Classes of the objects, or of the segments, of an image of a data set."""
    names = leaf.metainfo["classes"]
    labels = [x["category"] for x in item.get("segments_info", ())]
    labels = labels or [x["bbox_label"] for x in item.get("instances", ())]
    return [names[label] for label in labels]


def _repair(metric: Any, file: CocoFile, metainfo: dict) -> None:
    """Bring the file of a metric of the host to the form that it needs."""
    from mmdet.datasets.api_wrappers import COCOPanoptic

    index, classes = metric._coco_api, metainfo["classes"]
    if isinstance(index, COCOPanoptic):
        prepare_segments(file)
        listed = {category["name"] for category in file.categories}
        file.check_category_ids(file.segments, among=listed)
        file.check_known(classes)
        _count_pixels(metric, file)
    else:
        prepare_objects(file)
        classes = metainfo.get("thing_classes") or classes
        file.check_known(classes)
    places = {name: place for place, name in enumerate(classes)}
    file.categories.sort(key=lambda x: places.get(x["name"], len(places)))
    ids = [x["id"] for x in file.categories if x["name"] in places]
    if getattr(metric, "classwise", False) and ids != sorted(ids):
        raise ValueError(
            f"{file.name} has the ids {shown(ids)} for {shown(classes)}, and with "
            "classwise=True the host's metric would mix up their names. Take "
            "mmseg_maskformer.CocoMetric, or number the categories in this order."
        )
    fill_index(index, file.content)
    if getattr(metric, "categories", None) is not None:
        metric.categories = index.cats


def _count_pixels(metric: Any, file: CocoFile) -> None:
    """Give segments the areas of the maps that the host's metric will read."""
    names = {x["id"]: posixpath.basename(x["file_name"]) for x in file.images}
    for row in file.annotations:
        expected = names[row["image_id"]].replace(".jpg", ".png")
        if row["file_name"] != expected:
            raise ValueError(
                f"{file.name} names the map {row['file_name']}, and the host's "
                f"{type(metric).__name__} reads {expected}. Take "
                "mmseg_maskformer.PanopticQuality, which gives the same values."
            )
        path = osp.join(metric.seg_prefix or "", expected)
        with naming_file("panoptic map", path), Image.open(path) as image:
            ids = segment_ids(np.asarray(image.convert("RGB")))
        areas = Counter(ids.ravel().tolist())
        for segment in row["segments_info"]:
            segment["area"] = areas[segment["id"]]


def _entries(leaf: Any) -> Iterator[dict]:
    """What a data set says about its images, if it gives them ids."""
    for place in range(len(leaf) if hasattr(leaf, "get_data_info") else 0):
        entry = leaf.get_data_info(place)
        if "img_id" in entry:
            yield entry


def _stem(name: str) -> str:
    return osp.splitext(osp.basename(name))[0]
