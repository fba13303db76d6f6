"""What ``test_cfg`` of a segmentor may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mmseg_maskformer.core.argument_checks import (
    are_counts,
    check_choice,
    check_flags,
    check_fraction,
    check_whole,
)

RULES = ("semantic", "general", "iterative")
_OF_WINDOWS = {"mode", "crop_size", "stride"}


@dataclass(frozen=True)
class PredictionOptions:
    """How predictions become label maps.

    Attributes:
        mode: "whole", or "slide" for windows whose score maps are averaged.
        crop_size: height and width of the windows, in slide mode.
        stride: from window to window, at most ``crop_size``, in slide mode.
        semantic_rule: "semantic" (the class of the highest sum over queries), "general"
            (the class of the query that wins the pixel), or "iterative" ("semantic",
            repeated without the masks that contribute little to the labels).
        object_mask_thr: class probability above which a query of "general" competes.
        iou_thr: least share of its mask that must have its class in "iterative".
        layer: the decoder layer that answers; -1 is the last.
        uncertainty: add maps of confidence, entropy and no-object mass.
        seg_logits: make K x H x W scores as the host does, and give them.
    """

    mode: str = "whole"
    crop_size: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (0, 0)
    semantic_rule: str = "semantic"
    object_mask_thr: float = 0.3
    iou_thr: float = 0.3
    layer: int = -1
    uncertainty: bool = False
    seg_logits: bool = False

    @classmethod
    def read(cls, test_cfg: Mapping[str, Any] | None) -> PredictionOptions:
        """From a config.

        Raises:
            ValueError: A key is unknown, a value impossible, or two of them exclude
                each other.
        """
        return cls(**check_keys(test_cfg, cls, "MaskFormerSegmentor"))

    def __post_init__(self) -> None:
        check_choice("test_cfg.mode", self.mode, ("whole", "slide"))
        check_choice("test_cfg.semantic_rule", self.semantic_rule, RULES)
        check_whole(**{"test_cfg.layer": self.layer})
        for name in ("object_mask_thr", "iou_thr"):
            check_fraction(**{f"test_cfg.{name}": getattr(self, name)})
        for name in ("uncertainty", "seg_logits"):
            check_flags(**{f"test_cfg.{name}": getattr(self, name)})
        self._check_exclusive()
        if self.mode == "slide":
            self._check_windows()

    def refuse_windows(self) -> None:
        """For what is made of the queries of the whole image.

        Raises:
            ValueError: Windows are predicted, each of which has queries of its own.
        """
        if self.mode == "slide":
            raise ValueError(
                "test_cfg.mode='slide' predicts windows, and no queries of the whole "
                "image; set model.test_cfg.mode=whole."
            )

    def _check_exclusive(self) -> None:
        """What needs score maps cannot be had of rules that give labels."""
        wanted = dict(
            mode=self.mode == "slide",
            uncertainty=self.uncertainty,
            seg_logits=self.seg_logits,
        )
        if self.semantic_rule != "semantic" and any(wanted.values()):
            key = next(key for key, value in wanted.items() if value)
            raise ValueError(
                f"test_cfg.{key}={getattr(self, key)!r} needs the scores of classes, "
                f"and semantic_rule={self.semantic_rule!r} gives labels alone; leave "
                "one out."
            )
        if self.uncertainty and self.seg_logits:
            raise ValueError(
                "test_cfg.seg_logits=True lets the host make the result, which has no "
                "uncertainty=True; leave one out."
            )

    def _check_windows(self) -> None:
        for name in ("crop_size", "stride"):
            pair = getattr(self, name)
            if not are_counts(pair) or len(pair) != 2:
                raise ValueError(
                    f"test_cfg.{name}={pair} is needed by mode='slide' as height and "
                    "width, for example (512, 512)."
                )
        pairs = zip(self.crop_size, self.stride, strict=True)
        if any(step > size for size, step in pairs):
            raise ValueError(
                f"test_cfg.stride={self.stride} leaves pixels between windows of "
                f"crop_size={self.crop_size}; make it no larger."
            )


def check_keys(
    test_cfg: Mapping[str, Any] | None, options: type, model: str
) -> dict[str, Any]:
    """A ``test_cfg`` whose keys are all attributes of the options of a model.

    Raises:
        ValueError: A key is none.
    """
    known = sorted(field.name for field in fields(options))
    unknown = sorted(set(test_cfg or {}) - set(known))
    if unknown:
        windows = (
            " Windows (mode, crop_size, stride) are for semantic models, whose scores "
            "can be averaged: remove them, or predict tiles as images of their own."
        )
        raise ValueError(
            f"test_cfg has unknown keys {unknown}; {model} knows {known}."
            f"{windows if _OF_WINDOWS & {*unknown} else ''}"
        )
    return dict(test_cfg or {})
