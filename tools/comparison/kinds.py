"""Semantic, panoptic and instance segmentation: what each of them is scored by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.config import Config

from mmseg_maskformer.registry import SCOPE, type_name

_SIZES = {"s": "S", "m": "M", "l": "L"}  # COCO's: below 32 and 96 pixels squared, above
_COCO = {
    "coco/segm_mAP": "ap",
    "coco/segm_mAP_50": "ap50",
    "coco/segm_mAP_75": "ap75",
    **{f"coco/segm_mAP_{size}": f"ap_{size}" for size in _SIZES},
}
_PARTS = {"": "", "_Th": "_th", "_St": "_st"}
_PANOPTIC = {
    f"{prefix}{name}{part if prefix == '' else part.lower()}": f"{name.lower()}{ours}"
    for prefix in ("", "coco_panoptic/")  # our metric and the host's
    for name in ("PQ", "SQ", "RQ")
    for part, ours in _PARTS.items()
}


@dataclass(frozen=True)
class Kind:
    """A kind of segmentation.

    Attributes:
        name: "semantic", "panoptic" or "instance".
        scores: names and headings of the table's columns, the most important first.
        results: which score a value of an evaluator is; all are percent.
        bars: scores of the picture.
        rare: scores that few data sets have; a table without them has no such column.
    """

    name: str
    scores: Mapping[str, str]
    results: Mapping[str, str]
    bars: tuple[str, ...]
    rare: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The score by which methods are judged."""
        return next(iter(self.scores))

    def read(self, found: Mapping[str, float]) -> dict[str, float]:
        """Scores in percent from the results of the evaluators.

        COCO's AP are shares there, and -1 where no object has the size.
        """
        scores = {}
        for key, name in self.results.items():
            value = float(found.get(key, -1))
            if key in found and value >= 0:
                scores[name] = 100 * value if key in _COCO else value
        return scores


_GROUPS = ("frequent", "common", "rare")  # of classes, by their training images
SEMANTIC = Kind(
    "semantic",
    scores=dict(
        miou="mIoU",
        miou_ms="mIoU, multi-scale",
        pq_st="PQ-St",
        sq_st="SQ-St",
        rq_st="RQ-St",
        **{f"miou_{group}": f"mIoU, {group}" for group in _GROUPS},
    ),
    results=dict(
        mIoU="miou",
        **{f"mIoU_{group}": f"miou_{group}" for group in _GROUPS},
        aAcc="pixel_accuracy",
        mAcc="class_accuracy",
        PQ="pq_st",
        SQ="sq_st",
        RQ="rq_st",
    ),
    bars=("pq_st", "sq_st", "rq_st"),
    rare=tuple(f"miou_{group}" for group in _GROUPS),
)
_APS = {f"ap_{size}": f"AP-{letter}" for size, letter in _SIZES.items()}
PANOPTIC = Kind(
    "panoptic",
    scores=dict(
        pq="PQ",
        sq="SQ",
        rq="RQ",
        pq_th="PQ-Th",
        pq_st="PQ-St",
        ap="AP",
        **_APS,
        miou="mIoU",
    ),
    results={**_PANOPTIC, **_COCO, "mIoU": "miou"},
    bars=("pq", "sq", "rq", "pq_th", "pq_st"),
)
INSTANCE = Kind(
    "instance",
    scores=dict(ap="AP", ap50="AP50", ap75="AP75", **_APS),
    results=_COCO,
    bars=("ap", "ap50", "ap75", *_APS),
)


def kind_of(config: Config) -> Kind:
    """What a config segments, by its host and its evaluators.

    Raises:
        ValueError: Neither of the three.
    """
    scope = config.get("default_scope")
    metrics = [type_name(x) for x in evaluators_of(config)]
    if scope == "mmseg" and "decode_head" in config.model:
        return SEMANTIC
    if scope == "mmdet" and {"PanopticQuality", "CocoPanopticMetric"} & set(metrics):
        return PANOPTIC
    if scope == "mmdet" and any(_scores_masks(x) for x in evaluators_of(config)):
        return INSTANCE
    raise ValueError(
        f"{config.filename} cannot be compared. Semantic configs have "
        "default_scope='mmseg' and model.decode_head; panoptic ones default_scope="
        "'mmdet' and PanopticQuality or CocoPanopticMetric in val_evaluator, instance "
        "ones a CocoMetric with metric='segm' there. It has default_scope="
        f"{scope!r} and evaluates {metrics}."
    )


def complete_evaluators(config: Config) -> list[dict]:
    """The config's evaluators; of label maps panoptic quality beside them.

    Raises:
        ValueError: There is no IoUMetric among those of a semantic config.
    """
    given = evaluators_of(config)
    if kind_of(config) is not SEMANTIC:
        return given
    iou = next((x for x in given if type_name(x) == "IoUMetric"), None)
    if iou is None:
        raise ValueError(
            f"{config.filename} has no IoUMetric in val_evaluator ({given}), from "
            "which mIoU comes; add dict(type='IoUMetric', iou_metrics=['mIoU'])."
        )
    if any(type_name(x) == "PanopticQuality" for x in given):
        return given
    void = iou.get("ignore_index", 255)
    return [*given, dict(type=f"{SCOPE}.PanopticQuality", ignore_index=void)]


def evaluators_of(config: Config) -> list[dict]:
    """Those of the validation data, as a list."""
    given = config.get("val_evaluator") or []
    return [given] if isinstance(given, dict) else list(given)


def _scores_masks(evaluator: dict) -> bool:
    metric = evaluator.get("metric", "bbox")
    asked = [metric] if isinstance(metric, str) else metric
    return type_name(evaluator) == "CocoMetric" and "segm" in asked
