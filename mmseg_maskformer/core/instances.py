"""From predictions to instances (arXiv 2112.01527, as its code does)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .boxes import boxes_around
from .inference import class_probs
from .tiling import Placement, iter_tiles


class Instances(NamedTuple):
    """Objects that may overlap, by falling score."""

    labels: Tensor  # (n,) classes
    scores: Tensor  # (n,) class probability times mean mask probability
    masks: Tensor  # (n, H, W) boolean
    boxes: Tensor  # (n, 4) x1, y1, x2, y2 around the masks, zeros where empty


def instances(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    num_things: int,
    max_per_image: int = 100,
    score_thr: float = 0.0,
    one_per_query: bool = False,
) -> Instances:
    """The most probable objects of one image.

    Pairs of a query and a class are ranked by class probability; of the best
    ``max_per_image``, or of all there are, those of things are returned, by falling
    score.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.
        num_things: classes 0..num_things-1 are things.
        max_per_image: how many pairs are looked at.
        score_thr: lowest score of an object that is returned.
        one_per_query: only the best class of a query; else it may appear with several,
            as in the paper's code.
    """
    probs = class_probs(class_logits)  # (Q, K)
    num_pairs, num_classes = probs.numel(), probs.shape[1]
    if one_per_query:
        best = probs.max(dim=1, keepdim=True)
        probs = torch.full_like(probs, -1.0).scatter_(1, best.indices, best.values)
        num_pairs = len(probs)
    top = probs.flatten().topk(min(max_per_image, num_pairs))
    labels, queries = top.indices % num_classes, top.indices // num_classes
    wanted = labels < num_things
    labels, queries, scores = labels[wanted], queries[wanted], top.values[wanted]
    used, place = queries.unique(return_inverse=True)
    masks = mask_logits.new_empty(len(used), *placement.out_size, dtype=torch.bool)
    total = probs.new_zeros(len(used))
    for rows, logits in iter_tiles(mask_logits[used], placement):
        inside = logits > 0
        masks[:, rows] = inside
        total += (logits.sigmoid_() * inside).flatten(1).sum(dim=1)
    mean = total / (masks.flatten(1).sum(dim=1) + 1e-6)
    scores = scores * mean[place]
    order = scores.argsort(descending=True, stable=True)
    order = order[scores[order] >= score_thr]
    place = place[order]
    return Instances(
        labels[order], scores[order], masks[place], boxes_around(masks)[place]
    )
