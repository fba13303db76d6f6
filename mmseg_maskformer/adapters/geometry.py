"""What the hosts' metas say about the size of the input and its padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmseg_maskformer.core.score_maps import FLIPS, FlippedScores, ScoreMap

STRIDE = 4  # of the finest feature map


def fits(size: Sequence[int], grid: Sequence[int]) -> bool:
    """Whether an input of that size has that stride-4 grid.

    ResNets and Swin pad what is left of a stride, ConvNeXt drops it.
    """
    return all(
        n // STRIDE <= cells <= -(-n // STRIDE)
        for n, cells in zip(size, grid, strict=True)
    )


def input_size(meta: dict, grid: Sequence[int]) -> tuple[int, int]:
    """Size of the network's input; features know it only up to the stride.

    Slide mode puts the window's size into ``img_shape`` and leaves the rest as it was.
    """
    shapes = [meta.get("pad_shape"), meta.get("img_shape")]
    if isinstance(shapes[1], torch.Size):
        shapes.reverse()
    known = [tuple(shape[:2]) for shape in shapes if shape is not None]
    for shape in known:
        if fits(shape, grid):
            return shape
    if known:
        raise ValueError(
            f"Feature maps of {tuple(grid)} cells do not belong to an input of "
            f"{' or '.join(map(str, known))} pixels (pad_shape, img_shape): the "
            f"backbone's finest map must have stride {STRIDE}; check its out_indices."
        )
    return grid[0] * STRIDE, grid[1] * STRIDE


def padding_mask(metas: list[dict], size: tuple[int, int], coarsest: Tensor) -> Tensor:
    """(B, h, w) booleans on the coarsest grid, True where the input is padding."""
    mask = coarsest.new_ones((len(metas), 1, *size))
    for row, meta in zip(mask, metas, strict=True):
        height, width = meta["img_shape"][:2]
        row[:, :height, :width] = 0
    return F.interpolate(mask, size=coarsest.shape[-2:])[:, 0].bool()


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
