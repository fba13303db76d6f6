"""Whether confidence is the share of right pixels, as a metric of mmengine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmseg_maskformer.core.argument_checks import check_counts
from mmseg_maskformer.core.conventions import VOID

from .samples import map_of_sample


class CalibrationError(BaseMetric):
    """Expected calibration error in percent (Guo et al., arXiv 1706.04599, eqn. 3).

    Pixels are sorted by ``pred_confidence`` into bins of equal width; the error is the
    mean over pixels of the distance between the mean confidence of a bin and the share
    of its pixels whose label is right. Void pixels do not count. Beside it the mean
    confidence and the share of right pixels; the bins go into the log. Only counts are
    kept of an image.

    Args:
        bins: of confidence from 0 to 1; each holds its upper end.
        ignore_index: label of void pixels.
        kwargs: of every metric of mmengine.

    Attributes:
        counts: (bins, 3) of the last evaluation, see :func:`reliability_counts`.

    Raises:
        ValueError: There is no bin.
    """

    def __init__(self, bins: int = 15, ignore_index: int = VOID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_counts(bins=bins)
        self.bins = bins
        self.ignore_index = ignore_index
        self.counts = np.zeros((bins, 3))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of each sample.

        Raises:
            KeyError: A sample has no confidence.
        """
        for sample in data_samples:
            right, confidence = labelled_pixels(
                sample, "CalibrationError", self.ignore_index, "confidence"
            )
            self.results.append(reliability_counts(confidence, right, self.bins))

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """Percentages of the summed counts."""
        self.counts = sum(results, np.zeros((self.bins, 3)))
        print_log(f"reliability:\n{_table(self.counts)}", logger="current")
        pixels, confidence, right = self.counts.sum(axis=0)
        if not pixels:
            return dict.fromkeys(("ECE", "mean_confidence", "right_pixels"), math.nan)
        return {
            "ECE": 100 * calibration_error(self.counts),
            "mean_confidence": 100 * float(confidence / pixels),
            "right_pixels": 100 * float(right / pixels),
        }


def labelled_pixels(
    sample: dict, metric: str, ignore_index: int, *names: str
) -> tuple[np.ndarray, ...]:
    """Of the pixels that are not void: whether the label is right, and some maps.

    Args:
        sample: a data sample, as mmengine hands it to metrics.
        metric: that needs them.
        ignore_index: label of void pixels.
        names: of maps, without "pred_".

    Returns:
        (n,) boolean, and (n,) of every map.

    Raises:
        KeyError: The sample lacks a map.
    """
    certain = "Use a model of this package, and set model.test_cfg.uncertainty=True."
    maps = [map_of_sample(sample, f"pred_{name}", metric, certain) for name in names]
    annotated = (
        "Put LoadLabelMap into the pipeline of the evaluated data set, or "
        "PackPanopticInputs(with_host_targets=True)."
    )
    truth = map_of_sample(sample, "gt_sem_seg", metric, annotated)
    right = (
        map_of_sample(sample, "pred_sem_seg", metric, "Evaluate a segmentor.") == truth
    )
    counted = truth != ignore_index
    return tuple(x[counted] for x in (right, *maps))


def reliability_counts(
    confidence: np.ndarray, right: np.ndarray, bins: int
) -> np.ndarray:
    """Of every bin: pixels, the sum of their confidence, and how many are right.

    Args:
        confidence: (n,) in 0..1.
        right: (n,) boolean.
        bins: of equal width; bin b is (b / bins, (b + 1) / bins].

    Returns:
        (bins, 3) float64.
    """
    place = np.ceil(confidence.astype(np.float64) * bins).astype(np.int64) - 1
    place = place.clip(0, bins - 1)
    columns = (None, confidence, right)
    return np.stack([np.bincount(place, x, minlength=bins) for x in columns], axis=1)


def calibration_error(counts: np.ndarray) -> float:
    """sum_b n_b / n |confidence_b - accuracy_b| of (bins, 3) counts, 0..1."""
    return float(np.abs(counts[:, 1] - counts[:, 2]).sum() / counts[:, 0].sum())


def _table(counts: np.ndarray) -> PrettyTable:
    """Percentages of every bin, none of an empty one."""
    table = PrettyTable(["Confidence", "Pixels", "Mean confidence", "Right"])
    share = counts[:, 0] / max(1, counts[:, 0].sum())
    ends = 100 * np.arange(len(counts) + 1) / len(counts)
    for place, (pixels, *sums) in enumerate(counts):
        span = f"{ends[place]:.1f} - {ends[place + 1]:.1f}"
        means = [f"{100 * x / pixels:.2f}" if pixels else "-" for x in sums]
        table.add_row([span, f"{100 * share[place]:.2f}", *means])
    return table
