"""Boxes: generalised intersection over union (Rezatofighi et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor


def corners(boxes: Tensor) -> Tensor:
    """Centre x, y, width, height to left, top, right, bottom; (..., 4) both."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def centres(boxes: Tensor) -> Tensor:
    """Left, top, right, bottom to centre x, y, width, height; (..., 4) both."""
    first, last = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(first + last) / 2, last - first], dim=-1)


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU minus the share of the enclosing box that neither covers, -1..1.

    Args:
        a: boxes (..., 4) as centre x, y, width, height.
        b: boxes that broadcast with ``a``.

    Returns:
        (...). Two boxes without an area have -1, or 0 if they lie on one line along an
        axis.
    """
    a, b = corners(a), corners(b)
    overlap = _area(a[..., :2].maximum(b[..., :2]), a[..., 2:].minimum(b[..., 2:]))
    around = _area(a[..., :2].minimum(b[..., :2]), a[..., 2:].maximum(b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - overlap
    iou = overlap / union.clamp(min=1e-9)
    return iou - (around - union) / around.clamp(min=1e-9)


def _area(first: Tensor, last: Tensor) -> Tensor:
    width, height = (last - first).clamp(min=0).unbind(dim=-1)
    return width * height  # the backward pass of prod waits for the device


def boxes_around(masks: Tensor) -> Tensor:
    """(n, 4) float32 left, top, right, bottom of masks (n, H, W), zero where empty."""
    left, right = _extent(masks.any(dim=1))
    top, bottom = _extent(masks.any(dim=2))
    return torch.stack([left, top, right, bottom], dim=1).float()


def span(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last True of each row (n, length), in 0..1."""
    first, last = _extent(occupied)
    return first / occupied.shape[1], last / occupied.shape[1]


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last True (n,) of each row (n, length), 0 if none."""
    length = occupied.shape[1]
    place = torch.arange(length, device=occupied.device)
    first = torch.where(occupied, place, length).amin(dim=1)
    last = torch.where(occupied, place + 1, 0).amax(dim=1)
    return torch.minimum(first, last), last
