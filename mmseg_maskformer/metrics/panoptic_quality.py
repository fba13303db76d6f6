"""Panoptic quality as a metric of mmengine's evaluator."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET, VOID
from mmseg_maskformer.core.messages import image_name, shown
from mmseg_maskformer.core.panoptic_quality import (
    Counts,
    PanopticMap,
    add_counts,
    count_segments,
    mean_quality,
    quality,
)

from .samples import map_of_sample, true_segments

_NOTHING_FOUND = (
    "No segment was found in any image, or in void alone. Early in training that is "
    "usual; otherwise test_cfg.object_mask_thr or iou_thr removes all: "
    "tools/analysis/thresholds.py chooses them. mIoU and AP need neither."
)


class PanopticQuality(BaseMetric):
    """PQ, SQ and RQ in percent, means over classes of the truth or the prediction.

    A class that does not occur but is predicted counts 0, by the official rule. Of
    panoptic results (``pred_panoptic_seg`` beside what ``PackPanopticInputs`` packs)
    the means over things and over stuff are given too. Of semantic results every class
    that an image holds is one stuff segment (PQ-St in arXiv 2107.06278).

    Args:
        ignore_index: label of void pixels.
        kwargs: of every metric of mmengine.
    """

    def __init__(self, ignore_index: int = VOID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the segments of each sample: one small result per image."""
        name = type(self).__name__
        for sample in data_samples:
            maps = maps_of_sample(sample, self.dataset_meta, name, self.ignore_index)
            self.results.append(count_segments(*maps))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Qualities of the summed counts; the classes go into the log.

        Args:
            results: counts per image, plain tuples once mmengine has gathered them.
        """
        counts = add_counts(Counts(*result) for result in results)
        found = counts.true_positives + counts.false_positives
        # tools that choose thresholds look at the first image alone, too
        if len(results) > 1 and counts.false_negatives.any() and not found.any():
            print_log(_NOTHING_FOUND, "current", logging.WARNING)
        print_log(f"per class results:\n{self._table(counts)}", logger="current")
        groups = {"": None, **self._groups()}
        means = {key: mean_quality(counts, among) for key, among in groups.items()}
        return {
            f"{name}{key}": _percent(getattr(mean, name.lower()))
            for key, mean in means.items()
            for name in ("PQ", "SQ", "RQ")
        }

    def _groups(self) -> dict[str, range]:
        """Classes of the things and of the stuff, where the data set has things."""
        things, classes = self._num_things, len(self._classes)
        return {"_Th": range(things), "_St": range(things, classes)} if things else {}

    @property
    def _num_things(self) -> int:
        """How many of the first classes are things."""
        return len(self.dataset_meta.get("thing_classes", ()))

    @property
    def _classes(self) -> Sequence[str]:
        """Names of the data set's classes."""
        return self.dataset_meta["classes"]

    def _table(self, counts: Counts) -> PrettyTable:
        """A row for every class, NaN where neither truth nor prediction has it."""
        rows = {int(row[0]): row[1:] for row in zip(*quality(counts), strict=True)}
        table = PrettyTable(["Class", "PQ", "SQ", "RQ"])
        for label, name in enumerate(self._classes):
            values = rows.get(label, (np.nan,) * 3)
            table.add_row([name, *map(_percent, values)])
        return table


def maps_of_sample(
    sample: dict, meta: Mapping[str, Any], metric: str, ignore_index: int = VOID
) -> tuple[PanopticMap, PanopticMap]:
    """The predicted and the true map of a sample; things need panoptic ones.

    Args:
        sample: of a semantic or panoptic model.
        meta: of the data set.
        metric: that needs the maps.
        ignore_index: label of void pixels in semantic maps.
    """
    num_classes, num_things = len(meta["classes"]), len(meta.get("thing_classes", ()))
    if "pred_panoptic_seg" in sample or num_things:
        return panoptic_maps(sample, num_classes, num_things, metric)
    return semantic_maps(sample, num_classes, ignore_index, metric)


def semantic_maps(
    sample: dict, num_classes: int, ignore_index: int, metric: str
) -> tuple[PanopticMap, PanopticMap]:
    """``pred_sem_seg`` and ``gt_sem_seg`` of a sample, every class one segment.

    Raises:
        KeyError: The sample lacks one of them.
        ValueError: A label is neither a class nor void.
    """
    image = image_name(sample)
    names = {
        "pred_sem_seg": f"the prediction for {image}",
        "gt_sem_seg": f"the ground truth of {image}",
    }
    remedy = (
        "Put LoadAnnotations into the pipeline of the evaluated data set, and evaluate "
        "a segmentor."
    )
    predicted, true = (
        PanopticMap.from_labels(
            map_of_sample(sample, key, metric, remedy),
            num_classes,
            ignore_index,
            name,
        )
        for key, name in names.items()
    )
    return predicted, true


def panoptic_maps(
    sample: dict, num_classes: int, num_things: int, metric: str
) -> tuple[PanopticMap, PanopticMap]:
    """``pred_panoptic_seg``, and ``gt_segment_map`` with ``gt_segments``, of a sample.

    Raises:
        KeyError: The sample lacks the truth.
        ValueError: A map and its segments contradict each other.
    """
    numbers, segments = true_segments(sample, metric)
    true = PanopticMap(
        numbers,
        ids=segments["ids"],
        categories=segments["labels"],
        crowd=~segments["is_thing"] & (segments["labels"] < num_things),
        name=f"the ground truth of {image_name(sample)}",
    )
    return predicted_map(sample, num_classes, metric), true


def predicted_map(sample: dict, num_classes: int, metric: str) -> PanopticMap:
    """``pred_panoptic_seg`` of a sample, the encoded class and object plus 1 as id.

    Raises:
        KeyError: The sample lacks it.
        ValueError: It holds a class that is none of the ``num_classes``.
    """
    switch = (
        "Evaluate a panoptic model with test_cfg.panoptic_on=True, and without --tta: "
        "test-time augmentation averages semantic maps only, for SemSegMetric."
    )
    encoded = map_of_sample(sample, "pred_panoptic_seg", metric, switch)
    image = image_name(sample)
    values = np.unique(encoded)
    values = values[values % INSTANCE_OFFSET != num_classes]  # void
    _check_categories(values, num_classes, image)
    return PanopticMap(
        np.where(encoded % INSTANCE_OFFSET == num_classes, 0, encoded + 1),
        ids=values + 1,  # class 0 without an object is segment 1
        categories=values % INSTANCE_OFFSET,
        name=f"the prediction for {image}",
    )


def _check_categories(values: np.ndarray, num_classes: int, image: str) -> None:
    wrong = values[(values < 0) | (values % INSTANCE_OFFSET > num_classes)].tolist()
    if wrong:
        raise ValueError(
            f"The prediction for {image} has the value(s) {shown(wrong)}, but class + "
            f"{INSTANCE_OFFSET} * object allows classes 0..{num_classes - 1} and "
            f"{num_classes} for void. Give the model the things and stuff of the data "
            "set."
        )


def _percent(value: float) -> float:
    """A fraction as percent with two decimals."""
    return round(100 * float(value), 2)
