"""From predictions to semantic maps (paper section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from .resize import resize, resize_rows, source_rows
from .structures import at_least_float32

_TILE = {"cpu": 1 << 20, "cuda": 1 << 27}  # elements of an intermediate result


def class_probs(class_logits: Tensor) -> Tensor:
    """Softmax over K + 1 classes, without "no object": (..., K + 1) to (..., K)."""
    return at_least_float32(class_logits).softmax(dim=-1)[..., :-1]


def semantic_scores(
    class_logits: Tensor, mask_logits: Tensor, size: tuple[int, int]
) -> Tensor:
    """Score of every class at every pixel: sum over queries of p(class) p(mask).

    Args:
        class_logits: (B, Q, K + 1).
        mask_logits: (B, Q, h, w).
        size: height and width of the input, padding included.

    Returns:
        (B, K, H, W) scores. They are not probabilities over classes.
    """
    with torch.autocast(device_type=mask_logits.device.type, enabled=False):
        masks = resize(at_least_float32(mask_logits), size).sigmoid_()
        return torch.einsum("bqk,bqhw->bkhw", class_probs(class_logits), masks)


def semantic_labels(
    class_logits: Tensor,
    mask_logits: Tensor,
    size: tuple[int, int],
    crop: tuple[int, int, int, int] | None = None,
    out_size: tuple[int, int] | None = None,
    tile: int | None = None,
) -> Tensor:
    """Best class of every pixel of one image, a band of rows at a time.

    Equal to cropping and resizing :func:`semantic_scores` and taking the argmax, but
    no K x H x W tensor is made. Scores are linear in the masks, so the last resize is
    done on Q masks and not on K scores.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        size: height and width of the input, padding included.
        crop: top, bottom, left, right of the part that is not padding.
        out_size: height and width of the result; by default those of ``crop``.
        tile: elements of an intermediate result, at least one row; default by device.

    Returns:
        (H_out, W_out) int64 labels.
    """
    crop = crop or (0, size[0], 0, size[1])
    out_size = out_size or (crop[1] - crop[0], crop[3] - crop[2])
    tile = tile or _TILE.get(mask_logits.device.type, _TILE["cuda"])
    probs = class_probs(class_logits)  # (Q, K)
    mask_logits = at_least_float32(mask_logits)
    shrink = max(1.0, (crop[1] - crop[0]) / out_size[0])  # source rows per row
    widest = len(probs) * max(size[1], out_size[1])
    step = max(1, int(tile / (widest * shrink)))
    bands = []
    with torch.autocast(device_type=mask_logits.device.type, enabled=False):
        for start in range(0, out_size[0], step):
            rows = (start, min(start + step, out_size[0]))
            masks = _mask_rows(mask_logits, size, crop, out_size, rows)
            bands.append(_best(masks, probs, tile))
    return torch.cat(bands)


def _mask_rows(
    mask_logits: Tensor,
    size: tuple[int, int],
    crop: tuple[int, int, int, int],
    out_size: tuple[int, int],
    rows: tuple[int, int],
) -> Tensor:
    """Rows of the mask probabilities (Q, H_out, W_out), see :func:`semantic_labels`."""
    top, bottom, left, right = crop
    height, width = bottom - top, right - left
    source = rows
    if out_size != (height, width):
        source = source_rows(height, out_size[0], rows)
    input_rows = (top + source[0], top + source[1])
    masks = resize_rows(mask_logits, size, input_rows)[..., left:right].sigmoid()
    if out_size == (height, width):
        return masks
    return resize_rows(masks, out_size, rows, height=height, first=source[0])


def _best(masks: Tensor, probs: Tensor, tile: int) -> Tensor:
    """Best class (rows, W) of mask probabilities (Q, rows, W), ``tile`` at a time."""
    pixels = masks.flatten(1).split(max(1, tile // probs.shape[1]), dim=1)
    # max along a contiguous last dimension is several times faster than any argmax
    best = [(chunk.T @ probs).max(dim=-1).indices for chunk in pixels]
    return torch.cat(best).view(masks.shape[1:])
