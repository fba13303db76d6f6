"""Precision, recall and F1 of instances by the least score that counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from pycocotools.cocoeval import COCOeval

from mmseg_maskformer.metrics.coco_metric import CocoMetric
from mmseg_maskformer.metrics.thing_ap import ThingAP

from .settings import alone, score_settings


class Matches(NamedTuple):
    """Instances of some images, matched as COCO does at a mask IoU of 0.5.

    The surest of a class in an image comes first, so that a threshold of scores only
    leaves matches out. Those with a crowd are left out.

    Attributes:
        scores: (N,) of instances.
        right: (N,) bool, whether an object is theirs.
        objects: how many there are.
    """

    scores: np.ndarray
    right: np.ndarray
    objects: int

    @classmethod
    def of(cls, evaluated: COCOeval) -> Matches:
        """Those of an evaluation whose first IoU is 0.5 and whose first area is all."""
        every = evaluated.params.areaRng[0]
        images = [x for x in evaluated.evalImgs if x and x["aRng"] == every]
        empty = np.zeros(0)
        scores, matched, ignored, crowds = (
            np.concatenate([empty, *(np.asarray(part) for part in parts)])
            for parts in (
                [x["dtScores"] for x in images],
                [x["dtMatches"][0] for x in images],
                [x["dtIgnore"][0] for x in images],
                [x["gtIgnore"] for x in images],
            )
        )
        counts = ignored == 0
        return cls(scores[counts], matched[counts] > 0, int((crowds == 0).sum()))

    def at(self, score_thr: float) -> dict[str, float]:
        """Precision, recall and F1 in percent, of all classes together."""
        kept = self.scores >= score_thr
        right, found = int(self.right[kept].sum()), int(kept.sum())
        parts = dict(
            precision=(right, found),
            recall=(right, self.objects),
            F1=(2 * right, found + self.objects),
        )
        return {key: 100 * x / n if n else np.nan for key, (x, n) in parts.items()}


def matches_of_halves(runner: Any) -> list[Matches]:
    """Test the model of a runner; what its instances match in two halves of the images.

    Raises:
        ValueError: The runner has no metric of instances, or a half has no object.
    """
    metrics = runner.test_evaluator.metrics
    metrics[:] = [x for x in metrics if isinstance(x, CocoMetric | ThingAP)][:1]
    if not metrics:
        raise ValueError(
            "score_thr needs the objects of the images: write mmseg_maskformer."
            "CocoMetric or mmseg_maskformer.ThingAP into val_evaluator."
        )
    metric = metrics[0]
    metric.metrics, metric.iou_thrs = ["segm"], np.array([0.5])
    metric.use_mp_eval = metric.classwise = metric.boundary = False
    every = alone("instance") | dict(score_thr=0.0)
    with _recorded() as found:
        score_settings(runner, every, lambda _: [], parts=2)
    if not all(half.objects for half in found):
        numbers = [half.objects for half in found]
        raise ValueError(f"The halves have {numbers} objects; give more images.")
    return found


@contextmanager
def _recorded() -> Iterator[list[Matches]]:
    """Inside, what MMDetection's metric evaluates comes into the list, too."""
    found: list[Matches] = []
    given = COCOeval.evaluate

    def evaluate(self: COCOeval) -> None:
        given(self)
        found.append(Matches.of(self))

    COCOeval.evaluate = evaluate
    try:
        yield found
    finally:
        COCOeval.evaluate = given
