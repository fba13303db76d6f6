"""From predictions to semantic maps (paper section 3.4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .resize import Taps, resize, resize_rows, source_range
from .structures import at_least_float32

_TILE = {"cpu": 1 << 21, "cuda": 1 << 27}  # upsampled mask logits per band of rows


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
    no K x H x W tensor is made.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        size: height and width of the input, padding included.
        crop: top, bottom, left, right of the part that is not padding.
        out_size: height and width of the result; by default those of ``crop``.
        tile: mask logits upsampled at a time; default by device.

    Returns:
        (H_out, W_out) int64 labels.
    """
    top, bottom, left, right = crop or (0, size[0], 0, size[1])
    inner = (bottom - top, right - left)
    out_size = out_size or inner
    tile = tile or _TILE.get(mask_logits.device.type, _TILE["cuda"])
    probs = class_probs(class_logits)  # (Q, K)
    mask_logits = at_least_float32(mask_logits)

    def scores(start: int, stop: int) -> Tensor:
        """(stop - start, inner width, K) scores of rows of the crop."""
        rows = resize_rows(mask_logits, size, top + start, top + stop)
        masks = rows[..., left:right].sigmoid()
        return (masks.flatten(1).T @ probs).view(*masks.shape[1:], -1)

    step = max(1, tile // (len(mask_logits) * max(size[1], out_size[1])))
    bands = [
        _band(scores, inner, out_size, start, min(start + step, out_size[0]))
        for start in range(0, out_size[0], step)
    ]
    return torch.cat(bands)


def _band(
    scores: Callable[[int, int], Tensor],
    inner: tuple[int, int],
    out_size: tuple[int, int],
    start: int,
    stop: int,
) -> Tensor:
    """Labels of rows start..stop-1 of the result."""
    if inner == out_size:
        return _best(scores(start, stop))
    first, last = source_range(inner[0], out_size[0], start, stop)
    band = scores(first, last + 1)
    rows = Taps(inner[0], out_size[0], start, stop, band.device)
    columns = Taps(inner[1], out_size[1], 0, out_size[1], band.device)
    return _best(columns(rows(band, dim=0, offset=first), dim=1))


def _best(scores: Tensor) -> Tensor:
    return scores.max(dim=-1).indices  # on the CPU several times faster than argmax
