"""From predictions to panoptic maps (paper section 3.4).

Nothing loops over queries: a pass over the pixels decides which query each of them
belongs to and counts, and one small transfer decides which queries become segments.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .pixel_assignment import assign_pixels, confident_queries, first_maximum
from .tiling import Placement, iter_tiles


class PanopticSegments(NamedTuple):
    """A map of segments and the class of each."""

    segment_map: Tensor  # (H, W) int32, 1..G, 0 is void
    labels: Tensor  # (G,) int64 class of segment g + 1, on the CPU


def panoptic_segments(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    num_things: int,
    score_threshold: float = 0.8,
    overlap_threshold: float = 0.8,
    inside_masks: bool = False,
) -> PanopticSegments:
    """Divide one image into segments.

    Queries whose best class is an object, with a probability above the score threshold,
    compete: each pixel goes to the highest product of class and mask probability. A
    query that wins less than ``overlap_threshold`` of the pixels where its mask
    probability is at least 1/2 is occluded and leaves void; the others are segments,
    those of one stuff class a single one.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.
        num_things: classes 0..num_things-1 are things, the rest is stuff.
        score_threshold: of the class probability, over K + 1 classes.
        overlap_threshold: least share of a mask that is not occluded.
        inside_masks: the rule of Mask2Former (arXiv 2112.01527, as its code does): a
            segment has only those of its query's pixels where the mask probability is
            at least 1/2, and a query without such a pixel is none. The share is
            counted without this restriction.
    """
    kept, scores, labels = confident_queries(class_logits, score_threshold)
    found = assign_pixels(mask_logits[kept], scores, placement, inside_masks)
    # one transfer: everything that is decided per query
    counts = torch.stack([labels, found.area, found.mask_area, found.map_area])
    labels, area, mask_area, map_area = counts.cpu()
    accepted = (map_area > 0) & (mask_area > 0)
    accepted &= area.double() / mask_area >= overlap_threshold
    return _segments(found.query_map, labels, accepted, num_things)


def detr_segments(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    num_things: int,
    score_threshold: float = 0.85,
    min_area: int = 4,
) -> PanopticSegments:
    """Divide one image by the rule of DETR (arXiv 2005.12872, as its code does).

    Of the confident queries the highest mask logit wins a pixel, whatever the class
    probability. Queries of one stuff class count as their first. Then queries with at
    most ``min_area`` pixels are removed, the other ones of a stuff class among them,
    and the rest compete again, until none is that small. "MaskFormer (DETR)" in Table 3
    of the paper. Masks are resized as for the other rules, where that code resizes the
    numbers of the queries by nearest pixel.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.
        num_things: classes 0..num_things-1 are things, the rest is stuff.
        score_threshold: of the class probability, over K + 1 classes.
        min_area: pixels that are too few for a segment.
    """
    kept, _, labels = confident_queries(class_logits, score_threshold)
    labels = labels.cpu()
    query_map, areas = _argmax_masks(mask_logits[kept], placement)
    areas = _merge_stuff_areas(areas, labels, num_things)
    while (areas <= min_area).any():
        large = areas > min_area
        kept, labels = kept[large.to(kept.device)], labels[large]
        query_map, areas = _argmax_masks(mask_logits[kept], placement)
    return _segments(query_map, labels, areas > min_area, num_things)


def _argmax_masks(mask_logits: Tensor, placement: Placement) -> tuple[Tensor, Tensor]:
    """Which of n masks is the highest at each pixel (H, W), and how often (n,)."""
    query_map = mask_logits.new_zeros(placement.out_size, dtype=torch.int32)
    for rows, logits in iter_tiles(mask_logits, placement):
        query_map[rows] = first_maximum(logits)
    areas = query_map.flatten().bincount(minlength=len(mask_logits))
    return query_map, areas[: len(mask_logits)].cpu()


def _merge_stuff_areas(areas: Tensor, labels: Tensor, num_things: int) -> Tensor:
    """Areas (n,) where the first query of a stuff class has those of all of them."""
    merged = torch.zeros_like(areas)
    stuff: dict[int, int] = {}
    for query, label in enumerate(labels.tolist()):
        place = stuff.setdefault(label, query) if label >= num_things else query
        merged[place] += areas[query]
    return merged


def _segments(
    query_map: Tensor, labels: Tensor, accepted: Tensor, num_things: int
) -> PanopticSegments:
    """The map of the accepted queries from the query of every pixel."""
    ids, segment_labels = _segment_ids(labels, accepted, num_things)
    table = ids.to(device=query_map.device, dtype=torch.int32)
    return PanopticSegments(table[query_map.long()], segment_labels)


def _segment_ids(
    labels: Tensor, accepted: Tensor, num_things: int
) -> tuple[Tensor, Tensor]:
    """Segment ids (n + 1,) of n queries, 0 where none, and labels (G,) of the segments.

    Stuff of one class shares the id of its first query. The last id, 0, is that of the
    pixels where no query takes part.
    """
    ids = [0] * len(labels)
    segment_labels: list[int] = []
    stuff: dict[int, int] = {}
    for query in accepted.nonzero().flatten().tolist():
        label = int(labels[query])
        if label in stuff:
            ids[query] = stuff[label]
            continue
        segment_labels.append(label)
        ids[query] = len(segment_labels)
        if label >= num_things:
            stuff[label] = ids[query]
    return torch.tensor([*ids, 0]), torch.tensor(segment_labels, dtype=torch.int64)
