"""Slow, obvious, independent formulas that the package is tested against.

Written from the paper (arXiv 2107.06278) with plain autograd and loops; works in any
floating dtype, float64 above all. Nothing here imports the package.

Letters: L layers, B images, Q queries, K classes, G segments of an image, h x w the
prediction grid, H x W the target grid. Targets are `(labels (G,), masks (G, H, W))`
per image, with an optional third entry `valid (H, W)` that names the pixels that
count (`ignore_void`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


class Weights(NamedTuple):
    """Weights and constants of the losses (section 4.1 of the paper)."""

    cls: float = 1.0
    mask: float = 20.0
    dice: float = 1.0
    no_object: float = 0.1
    alpha: float = 0.25
    gamma: float = 2.0
    smooth: float = 1.0
    bce: bool = False


# resizing ---------------------------------------------------------------------------


def resize_axis(x: Tensor, size: int, dim: int) -> Tensor:
    """Bilinear resize of one axis, half-pixel centres (align_corners off)."""
    length = x.shape[dim]
    rows = []
    for i in range(size):
        source = max(0.0, (i + 0.5) * length / size - 0.5)
        low = min(int(math.floor(source)), length - 1)
        high = min(low + 1, length - 1)
        part = source - low
        rows.append((1 - part) * x.select(dim, low) + part * x.select(dim, high))
    return torch.stack(rows, dim)


def resize_bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) -> (..., H, W), one axis after the other."""
    return resize_axis(resize_axis(x, size[0], -2), size[1], -1)


def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W) -> (..., h, w): cell i takes source index floor(i * H / h)."""
    rows = [i * x.shape[-2] // size[0] for i in range(size[0])]
    cols = [j * x.shape[-1] // size[1] for j in range(size[1])]
    return x[..., rows, :][..., cols]


# element-wise terms -----------------------------------------------------------------


def pixel_loss(logits: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """Focal loss (or binary cross-entropy) of every pixel, targets in 0..1."""
    positive = -torch.nn.functional.logsigmoid(logits)
    negative = -torch.nn.functional.logsigmoid(-logits)
    if not weights.bce:
        probs = logits.sigmoid()
        positive = weights.alpha * (1 - probs) ** weights.gamma * positive
        negative = (1 - weights.alpha) * probs**weights.gamma * negative
    target = target.to(logits.dtype)
    return target * positive + (1 - target) * negative


def mask_term(
    logits: Tensor, target: Tensor, valid: Tensor, weights: Weights
) -> Tensor:
    """Mean of the pixel loss over the valid pixels, (..., H, W) -> (...)."""
    loss = pixel_loss(logits, target, weights)
    return (loss * valid).sum((-2, -1)) / max(1, int(valid.sum()))


def dice_term(
    logits: Tensor, target: Tensor, valid: Tensor, weights: Weights
) -> Tensor:
    """1 - (2 sum(p t) + s) / (sum p + sum t + s) over the valid pixels."""
    probs = logits.sigmoid() * valid
    target = target.to(logits.dtype) * valid
    overlap = 2 * (probs * target).sum((-2, -1)) + weights.smooth
    area = probs.sum((-2, -1)) + target.sum((-2, -1)) + weights.smooth
    return 1 - overlap / area


def class_term(class_logits: Tensor, labels: Tensor, no_object: float) -> Tensor:
    """Weighted mean of the cross-entropy; the last class weighs `no_object`.

    Shapes: class_logits (N, K+1), labels (N,).
    """
    total, norm = class_logits.new_zeros(()), 0.0
    for logits, label in zip(class_logits, labels.tolist(), strict=True):
        weight = no_object if label == len(logits) - 1 else 1.0
        total = total + weight * (torch.logsumexp(logits, 0) - logits[label])
        norm += weight
    return total / norm


# matching ---------------------------------------------------------------------------


def unpack(target: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The labels, masks and valid pixels (all, when not given) of one image."""
    labels, masks = target[0], target[1]
    valid = target[2] if len(target) > 2 else torch.ones(masks.shape[1:])
    return labels, masks, valid.bool().to(masks.device)


def cost_terms(
    class_logits: Tensor,
    mask_logits: Tensor,
    target: Sequence[Tensor],
    weights: Weights,
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted class, mask and dice costs of one image, each (Q, G).

    Shapes: class_logits (Q, K+1), mask_logits (Q, h, w).
    """
    labels, masks, valid = unpack(target)
    grid = tuple(mask_logits.shape[-2:])
    masks, valid = resize_nearest(masks, grid), resize_nearest(valid, grid)
    costs = mask_logits.new_zeros(3, len(mask_logits), len(labels))
    for g, mask in enumerate(masks):
        costs[0, :, g] = -weights.cls * class_logits.softmax(-1)[:, labels[g]]
        costs[1, :, g] = weights.mask * mask_term(mask_logits, mask, valid, weights)
        costs[2, :, g] = weights.dice * dice_term(mask_logits, mask, valid, weights)
    return costs[0], costs[1], costs[2]


@torch.no_grad()
def match(
    class_logits: Tensor,
    mask_logits: Tensor,
    target: Sequence[Tensor],
    weights: Weights,
) -> tuple[list[int], list[int]]:
    """Optimal pairs (query, segment) of one image, ascending in the queries."""
    cost = sum(cost_terms(class_logits, mask_logits, target, weights))
    queries, segments = linear_sum_assignment(cost.cpu().numpy())
    return queries.tolist(), segments.tolist()


# criterion --------------------------------------------------------------------------


def layer_losses(
    class_logits: Tensor,
    mask_logits: Tensor,
    targets: Sequence[Sequence[Tensor]],
    weights: Weights,
    num_masks: float | None = None,
    pairs: Sequence[tuple[list[int], list[int]]] | None = None,
) -> dict[str, Tensor]:
    """Unweighted class, mask and dice loss of one layer.

    Shapes: class_logits (B, Q, K+1), mask_logits (B, Q, h, w). `pairs` are those of
    another matching than :func:`match`.
    """
    if num_masks is None:
        num_masks = sum(len(target[0]) for target in targets)
    no_object = class_logits.shape[-1] - 1
    labels = torch.full(class_logits.shape[:2], no_object)
    mask, dice = 0 * mask_logits.sum(), 0 * mask_logits.sum()
    for b, target in enumerate(targets):
        target_labels, masks, valid = unpack(target)
        queries, segments = (
            match(class_logits[b], mask_logits[b], target, weights)
            if pairs is None
            else pairs[b]
        )
        labels[b, queries] = target_labels[segments]
        logits = resize_bilinear(mask_logits[b, queries], tuple(masks.shape[1:]))
        mask = mask + mask_term(logits, masks[segments], valid, weights).sum()
        dice = dice + dice_term(logits, masks[segments], valid, weights).sum()
    cls = class_term(class_logits.flatten(0, 1), labels.flatten(), weights.no_object)
    num_masks = max(1.0, num_masks)
    return {
        "loss_cls": cls,
        "loss_mask": mask / num_masks,
        "loss_dice": dice / num_masks,
    }


def criterion(
    class_logits: Tensor,
    mask_logits: Tensor,
    targets: Sequence[Sequence[Tensor]],
    weights: Weights | None = None,
    weighted: bool = True,
    num_masks: float | None = None,
) -> dict[str, Tensor]:
    """Losses of all layers; the last layer has no prefix, layer i has `d{i}.`.

    Shapes: class_logits (L, B, Q, K+1), mask_logits (L, B, Q, h, w).
    """
    weights = weights or Weights()
    factors = {"loss_cls": weights.cls, "loss_mask": weights.mask}
    factors["loss_dice"] = weights.dice
    losses = {}
    for i, (cls, mask) in enumerate(zip(class_logits, mask_logits, strict=True)):
        prefix = "" if i == len(class_logits) - 1 else f"d{i}."
        layer = layer_losses(cls, mask, targets, weights, num_masks)
        for name, value in layer.items():
            losses[prefix + name] = value * (factors[name] if weighted else 1.0)
    return losses


# inference and positions ------------------------------------------------------------


def semantic_scores(
    class_logits: Tensor, mask_logits: Tensor, size: tuple[int, int]
) -> Tensor:
    """Scores (B, K, H, W): sum over the queries of p(class) times p(pixel in mask)."""
    probs = class_logits.softmax(-1)[..., :-1]
    masks = resize_bilinear(mask_logits, size).sigmoid()
    scores = []
    for k in range(probs.shape[-1]):
        scores.append((probs[:, :, k, None, None] * masks).sum(1))
    return torch.stack(scores, 1)


def postprocess(scores: Tensor, crop: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Crop bottom and right, then bilinear to the size of the original image."""
    return resize_bilinear(scores[..., : crop[0], : crop[1]], size)


def panoptic_map(
    class_logits: Tensor,
    probs: Tensor,
    num_things: int,
    score_threshold: float = 0.8,
    overlap_threshold: float = 0.8,
) -> tuple[Tensor, list[int]]:
    """Segment map (H, W), 0 where void, and the class of segments 1, 2, ...

    `probs (Q, H, W)` are mask probabilities at the size of the result.
    """
    scores, labels = class_logits.softmax(-1).max(-1)
    no_object = class_logits.shape[-1] - 1
    kept = [
        q
        for q in range(len(labels))
        if labels[q] != no_object and scores[q] > score_threshold
    ]
    segment_map = torch.zeros(probs.shape[1:], dtype=torch.int32)
    classes: list[int] = []
    if not kept:
        return segment_map, classes
    winner = (scores[kept, None, None] * probs[kept]).argmax(0)
    for place, q in enumerate(kept):
        won = winner == place
        area, claimed = int(won.sum()), int((probs[q] >= 0.5).sum())
        if area == 0 or claimed == 0 or area / claimed < overlap_threshold:
            continue
        label = int(labels[q])
        if label < num_things or label not in classes:
            classes.append(label)
        segment = len(classes) if label < num_things else classes.index(label) + 1
        segment_map[won] = segment
    return segment_map, classes


def sine_position(
    height: int, width: int, num_feats: int, padding: Tensor | None = None
) -> Tensor:
    """Sine position encoding, (2 * num_feats, h, w); rows first, then columns.

    `padding (h, w)` is True where a cell is padded: positions then count the cells
    that are not.
    """
    real = torch.ones(height, width) if padding is None else 1.0 - padding.double()
    encoding = torch.zeros(2 * num_feats, height, width, dtype=torch.float64)
    for r in range(height):
        for c in range(width):
            rows, cols = float(real[: r + 1, c].sum()), float(real[r, : c + 1].sum())
            y = 2 * math.pi * rows / (float(real[:, c].sum()) + 1e-6)
            x = 2 * math.pi * cols / (float(real[r].sum()) + 1e-6)
            for k in range(num_feats):
                wave = math.cos if k % 2 else math.sin
                period = 10000 ** (2 * (k // 2) / num_feats)
                encoding[k, r, c] = wave(y / period)
                encoding[num_feats + k, r, c] = wave(x / period)
    return encoding
