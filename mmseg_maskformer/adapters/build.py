"""Core parts from config dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.registry import MODELS, TASK_UTILS

from .kernels import install_kernels


def build_part(config: Any, **known: Any) -> Any:
    """Build a part and the parts inside it.

    Args:
        config: a dictionary with ``type`` and arguments, or a part already built.
        known: arguments that follow from other parts and are not repeated in configs.

    Raises:
        KeyError: No registered class has that name.
        TypeError: The class does not take an argument of the config.
        ValueError: A dictionary has no ``type``, or a name stands for a part.
    """
    if not isinstance(config, dict):
        _check_built(config)
        return config
    _check_named(config)
    arguments = dict(config)
    name = arguments.pop("type")
    part = _find(name) if isinstance(name, str) else name
    ours = part.__module__.startswith("mmseg_maskformer.")
    unbuilt = getattr(part, "unbuilt", ())  # configs that the part takes as they are
    for key, value in arguments.items():
        if key in unbuilt:
            continue
        if ours or _holds_config(value):  # parts of others may take any dictionary
            arguments[key] = _build_nested(value)
    repeated = sorted(known.keys() & arguments)
    if repeated:
        raise TypeError(f"{name} takes {repeated} from the head; remove it there.")
    try:
        return part(**arguments, **known)
    except TypeError as error:
        raise TypeError(f"{name} cannot be built from {config}: {error}") from error


def build_network(
    config: dict[str, Any], in_channels: Sequence[int], num_classes: int
) -> Any:
    """The network behind a backbone.

    Args:
        config: ``type``, ``pixel_decoder`` without ``in_channels``,
            ``transformer_decoder`` without ``memory_channels``, whose
            ``num_queries=None`` is one query per class, and what the type takes beside.
        in_channels: widths of the backbone's maps, fine to coarse.
        num_classes: K.

    Raises:
        ValueError: The config names no type or no pixel decoder, or its parts do not
            fit each other.
    """
    if not isinstance(config, dict):
        raise ValueError(
            f"network={config!r} is no config; set it to dict(type='MaskFormer', "
            "pixel_decoder=..., transformer_decoder=...)."
        )
    _check_named(config)
    install_kernels()
    others = dict(config)
    if others.get("pixel_decoder") is None:
        raise ValueError(
            f"network={config} has no pixel decoder; set network.pixel_decoder, for "
            "example to dict(type='FPNPixelDecoder')."
        )
    pixels = build_part(others.pop("pixel_decoder"), in_channels=in_channels)
    parts = dict(pixel_decoder=pixels)
    if "transformer_decoder" in others:
        queries = others.pop("transformer_decoder")
        parts["transformer_decoder"] = _build_queries(queries, pixels, num_classes)
    return build_part(others, num_classes=num_classes, **parts)


def _build_queries(config: Any, pixel_decoder: Any, num_classes: int) -> Any:
    """The decoder of as many queries as its config says, or as there are classes."""
    if not isinstance(config, dict):
        return config
    if config.get("num_queries", num_classes) is None:
        config = {**config, "num_queries": num_classes}
    decoder = build_part(config, memory_channels=pixel_decoder.memory_channels)
    one = getattr(pixel_decoder, "multi_scale_memory", True) is False
    if one and isinstance(decoder, MaskedTransformerDecoder):
        raise ValueError(
            "network.transformer_decoder.type='MaskedTransformerDecoder' attends to "
            "several maps, and network.pixel_decoder gives it the backbone's coarsest "
            "alone; set network.pixel_decoder.multi_scale_memory=True."
        )
    return decoder


def _check_named(config: dict[str, Any]) -> None:
    if "type" not in config:
        raise ValueError(
            f"{dict(config)} names no part: it has no type. A dictionary takes the "
            f"place of a default and is not merged with it. Types are {_known()}."
        )


def _check_built(part: Any) -> None:
    if isinstance(part, str) and part in {*MODELS.catalog, *TASK_UTILS.catalog}:
        raise ValueError(
            f"{part!r} is the name of a part where a part must stand; write "
            f"dict(type={part!r})."
        )


def _holds_config(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_config, value))
    return isinstance(value, dict) and "type" in value


def _build_nested(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(build_part, value))
    return build_part(value)


def _known() -> str:
    return ", ".join(sorted([*MODELS.catalog, *TASK_UTILS.catalog]))


def _find(name: str) -> type:
    part = MODELS.get(name) or TASK_UTILS.get(name)
    if part is None:
        raise KeyError(
            f"No part is registered as {name!r}. mmseg_maskformer has {_known()}; "
            "parts of other packages need their scope, as in 'mmdet.DiceCost'."
        )
    return part
