"""Where the keys of a model stand, the same in both hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmseg_maskformer.registry import registered_name

_HEAD = "mmseg_maskformer.MaskFormerHead"
# Keys of version 0.1 that stand below another key now.
_MOVED = {
    "in_channels": "decode_head.in_channels",
    "mask_padding": "decode_head.mask_padding",
    "criterion": "decode_head.criterion",
    "pixel_decoder": "decode_head.network.pixel_decoder",
    "transformer_decoder": "decode_head.network.transformer_decoder",
}


def refuse_unknown(keys: Mapping[str, Any], owner: str) -> None:
    """Refuse keys that a part of the model does not know.

    Args:
        keys: with their values.
        owner: key of the part, or "model".

    Raises:
        ValueError: A key stands elsewhere since version 0.2.
        TypeError: A key is unknown.
    """
    for key in keys:
        if key in _MOVED:
            raise ValueError(
                f"{owner} has no {key}; since version 0.2 it is model.{_MOVED[key]}."
            )
    if keys:
        raise TypeError(f"{owner} has no {sorted(keys)}; correct or remove them.")


def detector_head(head: Any, num_classes: int) -> dict[str, Any]:
    """Arguments of a detector's ``PredictionHead`` from its ``decode_head``.

    Args:
        head: the config; ``type`` and ``num_classes`` may be those of a semantic model.
        num_classes: K, things and stuff.

    Raises:
        ValueError: The config is none of such a head, or contradicts the detector.
    """
    if not isinstance(head, dict):
        raise ValueError(
            f"model.decode_head={head!r} is no head; set it to dict(in_channels=..., "
            "network=..., criterion=...)."
        )
    settings = dict(head)
    kind = settings.pop("type", _HEAD)
    if (registered_name(kind) if isinstance(kind, type) else kind) != _HEAD:
        raise ValueError(
            f"model.decode_head.type={kind!r} is none of a MaskFormerDetector; set it "
            f"to {_HEAD!r}, or remove it."
        )
    given = settings.pop("num_classes", None)
    if given not in (None, num_classes):
        raise ValueError(
            f"model.decode_head.num_classes={given}, but num_things_classes + "
            f"num_stuff_classes = {num_classes}; remove the former, or set it to None."
        )
    if "ignore_index" in settings:
        raise ValueError(
            f"model.decode_head.ignore_index={settings['ignore_index']!r} is a setting "
            "of MaskFormerSegmentor, whose targets are label maps; remove it."
        )
    return settings
