"""Core parts from config dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.fixed_assigner import FixedAssigner, check_fixed
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.per_pixel import PerPixelBaseline
from mmseg_maskformer.core.pixel_criterion import PixelCriterion
from mmseg_maskformer.registry import MODELS, TASK_UTILS


def build_part(config: Any, **known: Any) -> Any:
    """Build a part and the parts inside it.

    Args:
        config: a dictionary with ``type`` and arguments, or a part already built.
        known: arguments that follow from other parts and are not repeated in configs.

    Raises:
        KeyError: No registered class has that name.
        TypeError: The class does not take an argument of the config.
        ValueError: A dictionary has no ``type``.
    """
    if not isinstance(config, dict):
        return config
    if "type" not in config:
        raise ValueError(
            f"{dict(config)} names no part: it has no type. A dictionary takes the "
            f"place of a default and is not merged with it. Types are {_known()}."
        )
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
    in_channels: Sequence[int],
    num_classes: int,
    pixel_decoder: dict,
    transformer_decoder: dict | None,
    criterion: SetCriterion | PixelCriterion,
) -> MaskFormer | PerPixelBaseline:
    """The network behind a backbone, of the kind that the criterion trains.

    Args:
        in_channels: widths of the backbone's maps, fine to coarse.
        num_classes: K.
        pixel_decoder: config, without ``in_channels``.
        transformer_decoder: config, without ``memory_channels``; ``num_queries=None``
            is one query per class. None for a classifier of pixels without queries.
        criterion: trains masks, masks and boxes, or pixels.

    Raises:
        ValueError: The criterion needs queries and there are none, or others.
    """
    pixels = build_part(pixel_decoder, in_channels=in_channels)
    queries = None
    if transformer_decoder is not None:
        known = dict(memory_channels=pixels.memory_channels)
        if transformer_decoder.get("num_queries", num_classes) is None:
            transformer_decoder = {**transformer_decoder, "num_queries": num_classes}
        queries = build_part(transformer_decoder, **known)
    if criterion.per_pixel:
        return PerPixelBaseline(pixels, num_classes, queries)
    if queries is None:
        raise ValueError(
            "SetCriterion matches queries, and transformer_decoder=None has none; set "
            "criterion.type='mmseg_maskformer.PixelCriterion' for PerPixelBaseline."
        )
    if isinstance(criterion.assigner, FixedAssigner):
        check_fixed(queries.query_embed.num_embeddings, num_classes)
    return MaskFormer(pixels, queries, num_classes, with_boxes=criterion.with_boxes)


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
