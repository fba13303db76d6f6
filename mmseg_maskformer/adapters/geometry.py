"""What the hosts' metas say about the size of the input and its padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmseg_maskformer.core.score_maps import FLIPS, FlippedScores, ScoreMap


def fits(size: Sequence[int], grid: Sequence[int], stride: int) -> bool:
    """Whether an input of that size has that grid of cells.

    ResNets and Swin pad what is left of a stride, ConvNeXt drops it.
    """
    return all(
        n // stride <= cells <= -(-n // stride)
        for n, cells in zip(size, grid, strict=True)
    )


def stride_needed(stride: int) -> str:
    """What to do where the finest map has another stride, for a message."""
    return (
        f"it must have stride {stride}. Check its out_indices; a plain ViT, whose maps "
        "have one stride, needs model.neck=dict(type='mmseg.Feature2Pyramid', ...) "
        "(docs/models.md). Otherwise set decode_head.network.mask_stride"
    )


def input_size(meta: dict, grid: Sequence[int], stride: int) -> tuple[int, int]:
    """Size of the network's input; features know it only up to their stride.

    Slide mode puts the window's size into ``img_shape`` and leaves the rest as it was.
    """
    shapes = [meta.get("pad_shape"), meta.get("img_shape")]
    if isinstance(shapes[1], torch.Size):
        shapes.reverse()
    known = [tuple(shape[:2]) for shape in shapes if shape is not None]
    for shape in known:
        if fits(shape, grid, stride):
            return shape
    if known:
        raise ValueError(
            f"The backbone's finest map of {tuple(grid)} cells does not fit an input "
            f"of {' or '.join(map(str, known))} pixels (pad_shape, img_shape): "
            f"{stride_needed(stride)}."
        )
    return grid[0] * stride, grid[1] * stride


def valid_part(
    metas: list[dict], size: tuple[int, int], device: torch.device
) -> Tensor:
    """(B, 2) share of the height and width of inputs of that size that is image.

    In float64, and on the CPU if the device has no such numbers.
    """
    shapes = [meta["img_shape"][:2] for meta in metas]
    parts = torch.tensor(shapes, dtype=torch.float64) / torch.tensor(size)
    try:
        return parts.to(device)
    except TypeError:  # Apple's GPUs
        return parts


def seen_part(
    inside: Sequence[int], place: tuple[int, int], size: tuple[int, int]
) -> tuple[int, ...]:
    """Height and width of what a window sees of the image, not of its padding.

    A window of padding alone keeps a pixel, for attention needs something to look at.
    """
    return tuple(
        max(1, min(window, end - start))
        for window, end, start in zip(size, inside[:2], place, strict=True)
    )


def unflipped(maps: Tensor, meta: dict) -> Tensor:
    """Maps (..., H, W) of an image as it was before a transform mirrored it."""
    return maps.flip(FLIPS[meta["flip_direction"]]) if meta.get("flip") else maps


def unflipped_map(scores: ScoreMap, meta: dict) -> ScoreMap:
    """The same of a score map."""
    return FlippedScores(scores, meta["flip_direction"]) if meta.get("flip") else scores


def check_padding(preprocessor: Any) -> None:
    """Refuse MMSegmentation's preprocessor where it would pad in two ways at once.

    Raises:
        ValueError: It has both ``size`` and ``size_divisor``, in training or in
            ``test_cfg``, or a ``test_cfg`` with neither.
    """
    keys = ("size", "size_divisor")
    trained = [getattr(preprocessor, key, None) for key in keys]
    places = {"data_preprocessor": trained}
    if test_cfg := getattr(preprocessor, "test_cfg", None):
        places["data_preprocessor.test_cfg"] = [test_cfg.get(key) for key in keys]
    for place, (size, divisor) in places.items():
        both = size is not None and divisor is not None
        neither = size is None and divisor is None
        if both or (neither and place != "data_preprocessor"):
            raise ValueError(
                f"{place} has size={size} and size_divisor={divisor}; the host pads to "
                "the first or to a multiple of the second, so set one of them and the "
                "other to None (a child config inherits what its base sets)."
            )
