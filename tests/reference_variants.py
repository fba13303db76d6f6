"""As `reference.py`, for the paper's variants: pixels, boxes, fixed matching.

Boxes are centre x, y, width and height in parts of the image; a label map has -1 where
a pixel has no class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from tests import reference

Pairs = tuple[list[int], list[int]]


def cross_entropy(logits: Tensor, label_maps: Tensor) -> Tensor:
    """Mean over the labelled pixels of -log softmax; 0 where there are none.

    Shapes: logits (B, K, h, w), label_maps (B, H, W).
    """
    total, count = 0 * logits.sum(), 0
    large = reference.resize_bilinear(logits, tuple(label_maps.shape[1:]))
    for scores, labels in zip(large, label_maps, strict=True):
        inside = labels >= 0
        rows = scores[:, inside].T  # (pixels, K)
        chosen = rows[torch.arange(len(rows)), labels[inside]]
        total = total + (torch.logsumexp(rows, 1) - chosen).sum()
        count += len(rows)
    return total / max(1, count)


def box_around(mask: Tensor) -> list[float]:
    """The box of a mask (H, W), its last row and column included; zeros if empty."""
    rows, cols = mask.nonzero().unbind(1)
    if not len(rows):
        return [0.0] * 4
    height, width = mask.shape
    left, right = int(cols.min()) / width, (int(cols.max()) + 1) / width
    top, bottom = int(rows.min()) / height, (int(rows.max()) + 1) / height
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU minus (hull - union) / hull of two boxes (4,)."""
    overlap = hull = a.new_ones(())
    for centre, length in ((0, 2), (1, 3)):
        first = [x[centre] - x[length] / 2 for x in (a, b)]
        last = [x[centre] + x[length] / 2 for x in (a, b)]
        overlap = overlap * (torch.minimum(*last) - torch.maximum(*first)).clamp(min=0)
        hull = hull * (torch.maximum(*last) - torch.minimum(*first))
    union = a[2] * a[3] + b[2] * b[3] - overlap
    return overlap / union - (hull - union) / hull


def box_pairs(class_logits: Tensor, boxes: Tensor, target: Sequence[Tensor]) -> Pairs:
    """DETR's matching: -p(class) + 5 L1 - 2 GIoU; (Q, K+1) logits, (Q, 4) boxes."""
    labels, masks, _ = reference.unpack(target)
    cost = -class_logits.detach().softmax(-1)[:, labels]
    for g, mask in enumerate(masks):
        wanted = boxes.new_tensor(box_around(mask))
        for q, box in enumerate(boxes.detach()):
            cost[q, g] += 5 * (box - wanted).abs().sum()
            cost[q, g] -= 2 * generalized_iou(box, wanted)
    queries, segments = linear_sum_assignment(cost.numpy())
    return queries.tolist(), segments.tolist()


def box_terms(
    boxes: Tensor, targets: Sequence[Sequence[Tensor]], pairs: Sequence[Pairs]
) -> tuple[Tensor, Tensor]:
    """L1 and 1 - GIoU of the pairs of a layer, (B, Q, 4), divided by all segments."""
    distance = overlap = 0 * boxes.sum()
    for b, (target, (queries, segments)) in enumerate(zip(targets, pairs, strict=True)):
        for q, g in zip(queries, segments, strict=True):
            wanted = boxes.new_tensor(box_around(target[1][g]))
            distance = distance + (boxes[b, q] - wanted).abs().sum()
            overlap = overlap + 1 - generalized_iou(boxes[b, q], wanted)
    count = max(1, sum(len(target[0]) for target in targets))
    return distance / count, overlap / count


def criterion_with_boxes(
    class_logits: Tensor,
    mask_logits: Tensor,
    boxes: Tensor,
    targets: Sequence[Sequence[Tensor]],
) -> dict[str, Tensor]:
    """Weighted losses of all layers, matched by classes and boxes (paper Table 5)."""
    losses = {}
    weights = reference.Weights()
    factors = dict(loss_cls=1, loss_mask=weights.mask, loss_dice=1)
    for i, layer in enumerate(zip(class_logits, mask_logits, boxes, strict=True)):
        prefix = "" if i == len(boxes) - 1 else f"d{i}."
        images = zip(layer[0], layer[2], targets, strict=True)
        pairs = [box_pairs(*image) for image in images]
        terms = reference.layer_losses(*layer[:2], targets, weights, pairs=pairs)
        losses.update({prefix + x: factors[x] * terms[x] for x in terms})
        distance, overlap = box_terms(layer[2], targets, pairs)
        losses[f"{prefix}loss_bbox"] = 5 * distance
        losses[f"{prefix}loss_giou"] = 2 * overlap
    return losses


def criterion_with_fixed_matching(
    class_logits: Tensor, mask_logits: Tensor, targets: Sequence[Sequence[Tensor]]
) -> dict[str, Tensor]:
    """Weighted losses of all layers where query k answers for class k (Table 4)."""
    losses = {}
    weights = reference.Weights()
    factors = dict(loss_cls=1, loss_mask=weights.mask, loss_dice=1)
    pairs = [(labels.tolist(), list(range(len(labels)))) for labels, *_ in targets]
    for i, layer in enumerate(zip(class_logits, mask_logits, strict=True)):
        prefix = "" if i == len(mask_logits) - 1 else f"d{i}."
        terms = reference.layer_losses(*layer, targets, weights, pairs=pairs)
        losses.update({prefix + x: factors[x] * terms[x] for x in terms})
    return losses


def iterative_map(
    class_logits: Tensor, probs: Tensor, void: int, threshold: float
) -> tuple[Tensor, int]:
    """Labels (H, W) of the semantic rule without masks that contribute little.

    `probs (Q, H, W)` are mask probabilities at the size of the result. The second value
    is how often the rule was applied.
    """
    classes = class_logits.softmax(-1)[:, :-1].to(probs)
    kept, rounds = list(range(len(probs))), 0
    while kept:
        rounds += 1
        labels = torch.einsum("qk,qhw->khw", classes[kept], probs[kept]).argmax(0)
        staying = []
        for q in kept:
            mask = probs[q] >= 0.5
            area, own = int(mask.sum()), labels == int(classes[q].argmax())
            if area and int((mask & own).sum()) / area >= threshold:
                staying.append(q)
        if staying == kept:
            return labels, rounds
        kept = staying
    return torch.full(probs.shape[1:], void), rounds
