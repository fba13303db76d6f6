"""What ``test_cfg`` of :class:`MaskFormerDetector` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmseg_maskformer.core.argument_checks import (
    check_choice,
    check_counts,
    check_flags,
    check_fraction,
    check_whole,
)

from .options import check_keys

# object_mask_thr of each panoptic_rule
_MASK_THR = dict(maskformer=0.8, mask2former=0.8, detr=0.85)


@dataclass(frozen=True)
class PanopticOptions:
    """Which results are made of predictions, and how.

    Attributes:
        panoptic_on: make the panoptic result.
        instance_on: make the instances.
        semantic_on: make the semantic map.
        panoptic_rule: "maskformer", "mask2former", whose segments end where the mask
            probability is below 1/2, or "detr", which has no ``iou_thr``.
        object_mask_thr: class probability above which a query competes for pixels; by
            default 0.8, of "detr" 0.85.
        iou_thr: least share of its mask that other queries leave to a segment.
        max_per_image: most instances.
        score_thr: lowest score of an instance.
        one_per_query: of a query its best class only, in instances.
        layer: the decoder layer that predicts; -1 is the last.
        uncertainty: add maps of confidence, entropy and no-object mass.
    """

    panoptic_on: bool = True
    instance_on: bool = True
    semantic_on: bool = True
    panoptic_rule: str = "maskformer"
    object_mask_thr: float = None  # type: ignore[assignment]  # that of the rule
    iou_thr: float = 0.8
    max_per_image: int = 100
    score_thr: float = 0.0
    one_per_query: bool = False
    layer: int = -1
    uncertainty: bool = False

    @classmethod
    def read(cls, test_cfg: Mapping[str, Any] | None) -> PanopticOptions:
        """From a config.

        Raises:
            ValueError: A key is unknown, a value impossible, or two of them exclude
                each other.
        """
        return cls(**check_keys(test_cfg, cls, "MaskFormerDetector"))

    def __post_init__(self) -> None:
        check_choice("test_cfg.panoptic_rule", self.panoptic_rule, _MASK_THR)
        if self.object_mask_thr is None:
            object.__setattr__(self, "object_mask_thr", _MASK_THR[self.panoptic_rule])
        for name in ("object_mask_thr", "iou_thr", "score_thr"):
            check_fraction(**{f"test_cfg.{name}": getattr(self, name)})
        switches = ("panoptic_on", "instance_on", "semantic_on")
        for name in (*switches, "one_per_query", "uncertainty"):
            check_flags(**{f"test_cfg.{name}": getattr(self, name)})
        check_whole(**{"test_cfg.layer": self.layer})
        check_counts(**{"test_cfg.max_per_image": self.max_per_image})
        if self.uncertainty and not self.semantic_on:
            raise ValueError(
                "test_cfg.uncertainty=True adds maps to the semantic result, and "
                "semantic_on=False leaves that out; set it to True."
            )
