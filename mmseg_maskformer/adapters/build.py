"""Core parts from config dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.registry import MODELS, TASK_UTILS


def build_part(config: Any, **known: Any) -> Any:
    """Build a part and the parts inside it.

    Args:
        config: a dictionary with ``type`` and arguments, or a part already built.
        known: arguments that follow from other parts and are not repeated in configs.

    Raises:
        KeyError: No registered class has that name.
        TypeError: The class does not take an argument of the config.
    """
    if not _is_config(config):
        return config
    arguments = {name: _build_nested(value) for name, value in config.items()}
    name = arguments.pop("type")
    part = _find(name) if isinstance(name, str) else name
    repeated = sorted(known.keys() & arguments)
    if repeated:
        raise TypeError(f"{name} takes {repeated} from the head; remove it there.")
    try:
        return part(**arguments, **known)
    except TypeError as error:
        raise TypeError(f"{name} cannot be built from {config}: {error}") from error


def build_maskformer(
    in_channels: Sequence[int],
    num_classes: int,
    pixel_decoder: dict,
    transformer_decoder: dict,
) -> MaskFormer:
    """The network behind a backbone with the given widths, fine to coarse."""
    pixels = build_part(pixel_decoder, in_channels=in_channels)
    queries = build_part(transformer_decoder, memory_channels=pixels.memory_channels)
    return MaskFormer(pixels, queries, num_classes=num_classes)


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and "type" in value


def _build_nested(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and any(map(_is_config, value)):
        return [build_part(item) for item in value]
    return build_part(value)


def _find(name: str) -> type:
    part = MODELS.get(name) or TASK_UTILS.get(name)
    if part is None:
        known = sorted([*MODELS.catalog, *TASK_UTILS.catalog])
        raise KeyError(
            f"No part is registered as {name!r}. mmseg_maskformer has "
            f"{', '.join(known)}; parts of other packages need their scope, as in "
            "'mmdet.DiceCost'."
        )
    return part
