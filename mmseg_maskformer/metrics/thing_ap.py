"""AP of a panoptic model's instances, on the things of the panoptic truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.evaluation import metrics as host
from mmengine.fileio import dump, load
from pycocotools import mask as codes

from mmseg_maskformer.datasets.coco.masks import codes_of_map

from .many_objects import require_limit, warn_of_many
from .no_detections import scored_without_detections
from .samples import true_segments


class ThingAP(host.CocoMetric):
    """The host's AP, with the things of ``PackPanopticInputs`` as objects.

    It needs no file: a thing is a segment of the panoptic map, and its area, by which
    AP of small, medium and large objects is told apart, is that of its pixels. Crowds
    are ignored as in COCO. On COCO itself, whose file of instances has masks that
    overlap, values differ a little from those of ``CocoMetric`` (AP-pan-Th in arXiv
    2112.01527).

    Args:
        metric: "segm", "bbox" or a list of both.
        kwargs: of the host's metric but for ``ann_file``.

    Raises:
        ValueError: ``proposal_nums`` lacks 100, the detections of a class in an image
            that mAP looks at. A warning tells where an image has more objects.
    """

    from_segments = True

    def __init__(self, metric: str | list[str] = "segm", **kwargs: Any) -> None:
        super().__init__(metric=metric, **kwargs)
        require_limit(self)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """The host's results of some images, and their things.

        Raises:
            KeyError: A sample has no panoptic truth, or no instances.
        """
        things = len(self.dataset_meta.get("thing_classes", ()))
        for sample in data_samples:
            if "pred_instances" not in sample:
                raise KeyError(
                    "ThingAP needs the instances of a panoptic model; set model."
                    "test_cfg.instance_on=True."
                )
        super().process(
            data_batch,
            [dict(x, instances=thing_objects(x, things)) for x in data_samples],
        )

    def compute_metrics(self, results: list[tuple[dict, dict]]) -> dict[str, float]:
        """The host's scores; images are numbered anew where joined data share ids."""
        ids = [truth["img_id"] for truth, _ in results]
        if len(set(ids)) < len(ids):
            for number, pair in enumerate(results):
                for part in pair:
                    part["img_id"] = number
        objects = (
            (truth["img_id"], thing["bbox_label"])
            for truth, _ in results
            for thing in truth["anns"]
            if not thing["ignore_flag"]
        )
        warn_of_many(self, objects, len(results))
        try:
            with scored_without_detections():
                return super().compute_metrics(results)
        finally:  # the next evaluation has objects of its own, not the host's of this
            self._coco_api = self.cat_ids = self.img_ids = None

    def gt_to_coco_json(self, gt_dicts: Sequence[dict], outfile_prefix: str) -> str:
        """The host's file of the truth, with areas of masks where it has boxes'."""
        path = super().gt_to_coco_json(gt_dicts, outfile_prefix)
        content = load(path)
        for row in content.setdefault("annotations", []):
            row["area"] = int(codes.area(row["segmentation"]))
        dump(content, path)
        return path


def thing_objects(sample: dict, num_things: int) -> list[dict]:
    """The things of a panoptic sample in the form of MMDetection's ``instances``.

    Args:
        sample: with ``gt_segment_map`` and ``gt_segments``.
        num_things: classes 0..num_things-1 are things.

    Raises:
        KeyError: The sample lacks the truth.
    """
    numbers, segments = true_segments(sample, "ThingAP")
    masks = codes_of_map(numbers)
    columns = [segments[key] for key in ("ids", "labels", "is_thing")]
    found = []
    for number, label, is_thing in zip(*(x.tolist() for x in columns), strict=True):
        if label >= num_things or number not in masks:
            continue
        x, y, width, height = codes.toBbox(masks[number]).tolist()
        found.append(
            dict(
                bbox=[x, y, x + width, y + height],
                bbox_label=label,
                mask=masks[number],
                ignore_flag=int(not is_thing),
            )
        )
    return found
