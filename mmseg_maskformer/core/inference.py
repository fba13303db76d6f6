"""From predictions to semantic maps (paper section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from .bands import Frame, mask_bands, tile_size
from .resize import resize
from .structures import at_least_float32


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
    frame: Frame,
    tile: int | None = None,
    resize_logits: bool = False,
) -> Tensor:
    """Best class of every pixel of one image, a band of rows at a time.

    Equal to cropping and resizing :func:`semantic_scores` and taking the argmax, but
    no K x H x W tensor is made. Scores are linear in the masks, so the last resize is
    done on Q masks and not on K scores.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        frame: the image's place in the input, and the size of the result.
        tile: elements of an intermediate result, at least one row; default by device.
        resize_logits: resize logits, not probabilities, to the size of the result, as
            the paper's code does for panoptic models.

    Returns:
        (H_out, W_out) int64 labels.
    """
    tile = tile or tile_size(mask_logits.device)
    probs = class_probs(class_logits)  # (Q, K)
    bands = mask_bands(
        mask_logits, frame, tile, None if resize_logits else torch.sigmoid
    )
    return torch.cat(
        [
            _best(band.sigmoid() if resize_logits else band, probs, tile)
            for _, band in bands
        ]
    )


def _best(masks: Tensor, probs: Tensor, tile: int) -> Tensor:
    """Best class (rows, W) of mask probabilities (Q, rows, W), ``tile`` at a time."""
    pixels = masks.flatten(1).split(max(1, tile // probs.shape[1]), dim=1)
    with torch.autocast(device_type=masks.device.type, enabled=False):
        # max along a contiguous last dimension is several times faster than any argmax
        best = [(chunk.T @ probs).max(dim=-1).indices for chunk in pixels]
    return torch.cat(best).view(masks.shape[1:])
