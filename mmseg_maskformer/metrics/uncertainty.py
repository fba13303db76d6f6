"""What maps of uncertainty hold over a data set, as a metric of mmengine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmseg_maskformer.core.conventions import VOID

from .calibration import labelled_pixels

MAPS = ("confidence", "entropy", "no_object")
KINDS = ("low", "high", "right", "wrong")


class UncertaintySummary(BaseMetric):
    """Range of the maps of confidence, entropy and no-object mass, and their means.

    The means are those over pixels whose label is right and over the others; void
    pixels count nowhere. Results are ``{map}_low``, ``_high``, ``_right`` and
    ``_wrong``, 0..1, not a number where there is no such pixel.

    Args:
        ignore_index: label of void pixels.
        kwargs: of every metric of mmengine.
    """

    def __init__(self, ignore_index: int = VOID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Summarise each sample.

        Raises:
            KeyError: A sample lacks a map.
        """
        for sample in data_samples:
            right, *maps = labelled_pixels(
                sample, "UncertaintySummary", self.ignore_index, *MAPS
            )
            self.results.append(np.stack([_row(x, right) for x in maps]))

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """Lowest, highest and means over all images."""
        images = np.stack([_nothing(), *results])  # (images, maps, 6)
        low, high = images[..., 0].min(axis=0), images[..., 1].max(axis=0)
        sums, pixels = np.split(images[..., 2:].sum(axis=0), 2, axis=1)
        with np.errstate(invalid="ignore"):  # 0 / 0 where all labels are right
            rows = np.column_stack([low, high, sums / pixels])
        return {
            f"{name}_{kind}": float(value) if np.isfinite(value) else math.nan
            for name, row in zip(MAPS, rows, strict=True)
            for kind, value in zip(KINDS, row, strict=True)
        }


def _row(values: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Lowest, highest, sums and numbers of right and of wrong pixels: (6,) float64."""
    values = values.astype(np.float64)
    parts = values[right], values[~right]
    sums, pixels = [x.sum() for x in parts], [x.size for x in parts]
    ends = values.min(initial=np.inf), values.max(initial=-np.inf)
    return np.array([*ends, *sums, *pixels])


def _nothing() -> np.ndarray:
    """The rows of an image without a pixel, (maps, 6)."""
    return np.tile(_row(np.empty(0), np.empty(0, bool)), (len(MAPS), 1))
