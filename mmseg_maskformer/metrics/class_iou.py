"""mIoU over the classes that occur, and over those that are frequent or rare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.evaluation import metrics as host
from torch import Tensor

GROUPS = ("rare", "common", "frequent")


class IoUMetric(host.IoUMetric):
    """The host's scores, their means taken over the classes that occur in the data.

    The host counts a class that does not occur, but is predicted somewhere, as an IoU
    of 0; here it counts in the pixels where it was predicted only. A class that occurs
    and has no right pixel counts 0 in every mean: the host leaves its F score, and its
    precision where it is never predicted, out of theirs, unless ``nan_to_num`` is
    given. Pixels are counted in integers: the host's count of a class in an image may
    end at 2^24. Takes the host's arguments.

    Args:
        frequency_bounds: numbers of training images. Classes that occur in fewer than
            the first are rare, in more than the second frequent, the others common;
            their mean IoU are ``mIoU_rare``, ``mIoU_frequent`` and ``mIoU_common``, in
            percent, a group without classes has none. The data set says in
            ``metainfo["train_images"]`` how often its classes occur; without it there
            are no groups.
    """

    dataset_meta: Any
    nan_to_num: int | None

    def __init__(
        self, *args: Any, frequency_bounds: Sequence[int] = (30, 200), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.frequency_bounds = tuple(frequency_bounds)

    @staticmethod
    def intersect_and_union(
        pred_label: Tensor, label: Tensor, num_classes: int, ignore_index: int
    ) -> tuple[Tensor, ...]:
        """Pixels (K,) of an image: intersection, union, predicted and true."""
        counted = label != ignore_index
        predicted, true = pred_label[counted], label[counted]
        found, guessed, there = (
            x.long().bincount(minlength=num_classes)[:num_classes].cpu()
            for x in (true[predicted == true], predicted, true)
        )
        return found, guessed + there - found, guessed, there

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores in percent, from the host's four areas (K,) of every image."""
        if self.format_only:
            return super().compute_metrics(results)
        areas = [torch.stack(x).sum(0) for x in zip(*results, strict=True)]
        occurs = areas[3] > 0  # pixels of the truth
        areas = [x[occurs] for x in areas]
        whole, given = self.dataset_meta, self.nan_to_num
        if given is None and occurs.any():
            self.nan_to_num = 0
        self.dataset_meta = {**whole, "classes": _chosen(whole["classes"], occurs)}
        try:
            scores = super().compute_metrics([tuple(areas)])
        finally:
            self.dataset_meta, self.nan_to_num = whole, given
        if whole.get("train_images"):
            images = _chosen(whole["train_images"], occurs)
            scores |= self._by_frequency(areas[0] / areas[1], images)
        return scores

    def _by_frequency(self, iou: Tensor, images: Sequence[int]) -> dict[str, float]:
        """Mean IoU of the groups, in percent."""
        low, high = self.frequency_bounds
        groups = [(n >= low) + (n > high) for n in images]
        found = {}
        for number, name in enumerate(GROUPS):
            members = torch.tensor([group == number for group in groups])
            if members.any():
                found[f"mIoU_{name}"] = round(float(100 * iou[members].mean()), 2)
        return found


def _chosen(values: Sequence, keep: Tensor) -> list:
    return [x for x, kept in zip(values, keep.tolist(), strict=True) if kept]
