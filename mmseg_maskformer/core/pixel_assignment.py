"""Which query each pixel of a result belongs to."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .precision import at_least_float32
from .tiling import Placement, iter_tiles


class PixelAssignment(NamedTuple):
    """Which of n queries each pixel is assigned to, and three counts of pixels."""

    query_map: Tensor  # (H, W) int32 query of each pixel, n where none
    area: Tensor  # (n,) int64 pixels where the query has the highest product
    mask_area: Tensor  # (n,) int64 pixels where the mask probability is at least 1/2
    map_area: Tensor  # (n,) int64 pixels of the query in the map


def confident_queries(
    class_logits: Tensor, threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Index, score and label (n,) of the queries whose best class is an object.

    Their probability is above the threshold.
    """
    no_object = class_logits.shape[-1] - 1
    scores, labels = at_least_float32(class_logits).softmax(dim=-1).max(dim=-1)
    kept = ((labels != no_object) & (scores > threshold)).nonzero().flatten()
    return kept, scores[kept], labels[kept]


def assign_pixels(
    mask_logits: Tensor,
    scores: Tensor,
    placement: Placement,
    inside_masks: bool = False,
) -> PixelAssignment:
    """Assign each pixel to the query with the highest product of scores.

    Args:
        mask_logits: (n, h, w).
        scores: (n,) class probabilities.
        placement: the image's place in the input, and the size of the result.
        inside_masks: leave pixels without a query where the mask probability of the
            one with the highest product is below 1/2.
    """
    query_map = scores.new_zeros(placement.out_size, dtype=torch.int32)
    area, mask_area = scores.new_zeros(2, len(scores), dtype=torch.int64)
    map_area = torch.zeros_like(area) if inside_masks else area
    for rows, logits in iter_tiles(mask_logits, placement):
        probs = logits.sigmoid_()
        half = torch.ge(probs, 0.5, out=torch.empty_like(probs))
        mask_area += half.flatten(1).sum(dim=1).long()
        best = first_maximum(probs.mul_(scores[:, None, None]))
        area.scatter_add_(0, best.flatten(), torch.ones_like(best).flatten())
        if inside_masks:
            inside = half.gather(0, best[None])[0]
            map_area.scatter_add_(0, best.flatten(), inside.flatten().long())
            best = best.masked_fill_(inside == 0, len(scores))
        query_map[rows] = best
    return PixelAssignment(query_map, area, mask_area, map_area)


def first_maximum(x: Tensor) -> Tensor:
    """Index of the first largest of n maps (n, H, W), faster than any argmax.

    Where a map is not finite, the last one counts.
    """
    order = torch.arange(len(x), 0, -1, dtype=x.dtype, device=x.device)
    largest = torch.eq(x, x.amax(dim=0), out=torch.empty_like(x))
    place = len(x) - largest.mul_(order[:, None, None]).amax(dim=0).long()
    return place.clamp_(max=len(x) - 1)
