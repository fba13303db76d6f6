"""Panoptic maps and instances in COCO's formats (cocodataset.org, "Results Format")."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from mmseg_maskformer.core.panoptic_quality import PanopticMap


def category_ids(dataset: Any) -> list[int]:
    """Of each class: the id of its annotation file, or its place where there is none.

    Places count from 1: CVAT takes the id 0 for no category.

    Args:
        dataset: of MMDetection.
    """
    number = len(dataset.metainfo["classes"])
    found = list(getattr(dataset, "cat_ids", ()))
    return found if len(found) == number else list(range(1, number + 1))


def categories(dataset: Any) -> list[dict]:
    """The classes of a data set as COCO lists them."""
    meta = dataset.metainfo
    things = set(meta.get("thing_classes", meta["classes"]))
    return [
        dict(id=number, name=name, isthing=int(name in things))
        for number, name in zip(category_ids(dataset), meta["classes"], strict=True)
    ]


def segments_info(found: PanopticMap, ids: list[int]) -> list[dict]:
    """What COCO's panoptic format says of the segments of a map, by ascending id.

    Args:
        found: the map; its categories are classes.
        ids: category id of each class.
    """
    places, number = found.places(found.segment_map), len(found.ids)
    areas = np.bincount(places.ravel(), minlength=number + 1)[1:]
    boxes = ndimage.find_objects(places, number)
    rows = zip(found.ids, found.categories, boxes, areas, strict=True)
    return [
        dict(
            id=int(segment),
            category_id=ids[int(category)],
            area=int(area),
            bbox=[x.start, y.start, x.stop - x.start, y.stop - y.start],
            iscrowd=0,
        )
        for segment, category, (y, x), area in sorted(rows, key=lambda row: row[0])
    ]


def write_panoptic_map(path: Path, segment_map: np.ndarray) -> None:
    """Write ids (H, W) as a PNG: id = R + 256 G + 65536 B, 0 is void."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.stack([segment_map >> shift & 255 for shift in (0, 8, 16)], axis=-1)
    Image.fromarray(colours.astype(np.uint8)).save(path)


def instance_results(instances: dict, image_id: int | str, ids: list[int]) -> list:
    """The instances of an image as COCO's results.

    Where there are masks, boxes are left out: pycocotools would take an object's area
    from them.

    Args:
        instances: ``labels``, ``scores``, and ``masks`` (n, H, W) or ``bboxes`` (n, 4)
            as left, top, right, bottom; ``mask_scores`` are those of masks where they
            differ.
        image_id: of the image.
        ids: category id of each class.
    """
    values: list
    if "masks" in instances:
        name, values = "segmentation", _run_lengths(instances["masks"])
        scores = instances.get("mask_scores", instances["scores"])
    else:
        name, values = "bbox", _corner_and_size(instances["bboxes"])
        scores = instances["scores"]
    rows = zip(instances["labels"].tolist(), scores.tolist(), values, strict=True)
    return [
        {"image_id": image_id, "category_id": ids[label], "score": score, name: value}
        for label, score, value in rows
    ]


def instance_annotations(rows: Iterable[dict], score_thr: float) -> list[dict]:
    """Results of instances as COCO's annotations; ids count from 1.

    Args:
        rows: of :func:`instance_results`.
        score_thr: least score; objects without a pixel are left out, too.
    """
    found: list[dict] = []
    for row in (x for x in rows if x["score"] >= score_thr):
        shape = _measured(row)
        if shape["area"] > 0:
            known = {key: row[key] for key in ("image_id", "category_id")}
            found.append(dict(id=len(found) + 1, **known, iscrowd=0, **shape))
    return found


def _measured(row: dict) -> dict:
    """Area, box and mask of a result; of boxes alone the first two."""
    if "segmentation" in row:
        from mmseg_maskformer.datasets.coco.masks import measured

        return measured(row["segmentation"])
    *_, width, height = row["bbox"]
    return dict(area=width * height, bbox=row["bbox"])


def _run_lengths(masks: Any) -> list[dict]:
    """COCO's run lengths of masks, which some detectors give already."""
    from pycocotools import mask as coding

    if isinstance(masks, torch.Tensor):
        masks = masks.cpu().numpy()
    if isinstance(masks, np.ndarray):
        columns = np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8)
        masks = coding.encode(columns)
    counts = [x["counts"] for x in masks]
    texts = [x.decode() if isinstance(x, bytes) else x for x in counts]
    return [dict(x, counts=text) for x, text in zip(masks, texts, strict=True)]


def _corner_and_size(boxes: torch.Tensor) -> list[list[float]]:
    """Left, top, width and height."""
    rows = boxes.tolist()
    return [[x, y, right - x, bottom - y] for x, y, right, bottom in rows]
