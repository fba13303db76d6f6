"""Panoptic quality as a metric of mmengine's evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmseg_maskformer.core.panoptic_quality import (
    Counts,
    PanopticMap,
    add_counts,
    count_segments,
    mean_quality,
    quality,
)


class PanopticQuality(BaseMetric):
    """PQ, SQ and RQ in percent, means over the classes that occur.

    Of semantic results every class that an image holds is one stuff segment (PQ-St in
    arXiv 2107.06278).

    Args:
        ignore_index: label of void pixels.
        collect_device: where the counts of several processes meet, "cpu" or "gpu".
        prefix: stands before the names in the results, as in every metric.
        collect_dir: folder for the exchange between processes.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the segments of each sample: one small result per image."""
        self.results += [count_segments(*self._maps(x)) for x in data_samples]

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Qualities of the summed counts; the classes go into the log.

        Args:
            results: counts per image, plain tuples once mmengine has gathered them.
        """
        counts = add_counts(Counts(*result) for result in results)
        print_log(f"per class results:\n{self._table(counts)}", logger="current")
        mean = mean_quality(counts)
        return {
            "PQ": _percent(mean.pq),
            "SQ": _percent(mean.sq),
            "RQ": _percent(mean.rq),
        }

    def _maps(self, sample: dict) -> tuple[PanopticMap, PanopticMap]:
        """The predicted and the true map of a sample."""
        return semantic_maps(sample, len(self._classes), self.ignore_index)

    @property
    def _classes(self) -> Sequence[str]:
        """Names of the data set's classes."""
        return self.dataset_meta["classes"]

    def _table(self, counts: Counts) -> PrettyTable:
        """A row for every class, NaN where it does not occur."""
        rows = {int(row[0]): row[1:] for row in zip(*quality(counts), strict=True)}
        table = PrettyTable(["Class", "PQ", "SQ", "RQ"])
        for label, name in enumerate(self._classes):
            values = rows.get(label, (np.nan,) * 3)
            table.add_row([name, *map(_percent, values)])
        return table


def semantic_maps(
    sample: dict, num_classes: int, ignore_index: int
) -> tuple[PanopticMap, PanopticMap]:
    """``pred_sem_seg`` and ``gt_sem_seg`` of a sample, every class one segment.

    Raises:
        KeyError: The sample lacks one of them.
        ValueError: A label is neither a class nor void.
    """
    image = sample.get("img_path", "an unnamed image")
    names = {
        "pred_sem_seg": f"the prediction for {image}",
        "gt_sem_seg": f"the ground truth of {image}",
    }
    predicted, true = (
        PanopticMap.from_labels(_labels(sample, key), num_classes, ignore_index, name)
        for key, name in names.items()
    )
    return predicted, true


def _labels(sample: dict, key: str) -> np.ndarray:
    """(H, W) labels from mmseg's (1, H, W) tensors."""
    if key not in sample:
        raise KeyError(
            f"PanopticQuality needs {key} in every data sample, but "
            f"{sample.get('img_path', 'an unnamed image')} has {sorted(sample)}. Put "
            "LoadAnnotations into the pipeline of the evaluated data set, and evaluate "
            "a segmentor."
        )
    data = sample[key]["data"]
    return data.reshape(data.shape[-2:]).cpu().numpy()


def _percent(value: float) -> float:
    """A fraction as percent with two decimals."""
    return round(100 * float(value), 2)
