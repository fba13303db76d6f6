"""``test_cfg`` of :class:`MaskFormerDetector`."""

from __future__ import annotations

from typing import Any

from .options import check_bool, check_choice, check_fraction, check_layer

_TEST_CFG = dict(
    panoptic_on=True,
    instance_on=True,
    semantic_on=True,
    panoptic_rule="maskformer",
    iou_thr=0.8,
    max_per_image=100,
    score_thr=0.0,
    one_per_query=False,
    layer=-1,
    uncertainty=False,
)
# object_mask_thr of each panoptic_rule
_MASK_THR = dict(maskformer=0.8, mask2former=0.8, detr=0.85)


def complete(test_cfg: dict[str, Any]) -> dict[str, Any]:
    """``test_cfg`` of a detector with its defaults.

    Raises:
        ValueError: See :class:`MaskFormerDetector`.
    """
    known = sorted({*_TEST_CFG, "object_mask_thr"})
    unknown = sorted(set(test_cfg) - set(known))
    if unknown:
        raise ValueError(
            f"test_cfg has unknown keys {unknown}; MaskFormerDetector knows {known}."
        )
    config = {**_TEST_CFG, **test_cfg}
    check_choice("panoptic_rule", config["panoptic_rule"], tuple(_MASK_THR))
    config.setdefault("object_mask_thr", _MASK_THR[config["panoptic_rule"]])
    for name in ("object_mask_thr", "iou_thr", "score_thr"):
        check_fraction(name, config[name])
    for name, default in _TEST_CFG.items():
        if isinstance(default, bool):
            check_bool(name, config[name])
    check_layer(config["layer"])
    if config["uncertainty"] and not config["semantic_on"]:
        raise ValueError(
            "test_cfg.uncertainty=True adds maps to the semantic result, and "
            "semantic_on=False leaves that out; set it to True."
        )
    most = config["max_per_image"]
    if not isinstance(most, int) or most < 1:
        raise ValueError(
            f"test_cfg.max_per_image={most!r} is no number of instances; set 1 or more."
        )
    return config
