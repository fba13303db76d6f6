"""From predictions to panoptic maps and to instances (paper section 3.4, spec of v1).

Nothing loops over queries: a pass over the pixels decides which query wins each of them
and counts, and one small transfer decides which queries become segments.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .bands import Frame, mask_bands
from .inference import class_probs
from .structures import at_least_float32


class PanopticSegments(NamedTuple):
    """A map of segments and the class of each."""

    segment_map: Tensor  # (H, W) int32, 1..G, 0 is void
    labels: Tensor  # (G,) int64 class of segment g + 1, on the CPU


class Instances(NamedTuple):
    """Objects that may overlap, in no order."""

    labels: Tensor  # (n,) classes
    scores: Tensor  # (n,) class probability times mean mask probability
    masks: Tensor  # (n, H, W) boolean
    boxes: Tensor  # (n, 4) x1, y1, x2, y2 around the masks, zeros where empty


def panoptic_segments(
    class_logits: Tensor,
    mask_logits: Tensor,
    frame: Frame,
    num_things: int,
    score_threshold: float = 0.8,
    overlap_threshold: float = 0.8,
    tile: int | None = None,
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
        frame: the image's place in the input, and the size of the result.
        num_things: classes 0..num_things-1 are things, the rest is stuff.
        score_threshold: of the class probability, over K + 1 classes.
        overlap_threshold: least share of a mask that is not occluded.
        tile: elements of an intermediate result, at least one row; default by device.
    """
    no_object = class_logits.shape[-1] - 1
    scores, labels = at_least_float32(class_logits).softmax(dim=-1).max(dim=-1)
    kept = ((labels != no_object) & (scores > score_threshold)).nonzero().flatten()
    winners, won, claimed = _compete(mask_logits[kept], scores[kept], frame, tile)
    # one transfer: everything that is decided per query
    labels, won, claimed = torch.stack([labels[kept], won, claimed]).cpu()
    accepted = (won > 0) & (claimed > 0)
    accepted &= won.double() / claimed >= overlap_threshold
    ids, segment_labels = _numbered(labels, accepted, num_things)
    table = ids.to(device=winners.device, dtype=torch.int32)
    return PanopticSegments(table[winners.long()], segment_labels)


def _compete(
    mask_logits: Tensor, scores: Tensor, frame: Frame, tile: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Which of n queries wins each pixel (H, W), and two counts of pixels (n,).

    The counts are the pixels won and those where the mask probability is at least 1/2.
    Where there is no query, the winner is number 0 of none.
    """
    winners = scores.new_zeros(frame.out_size, dtype=torch.int32)
    won, claimed = scores.new_zeros(2, len(scores), dtype=torch.int64)
    for rows, logits in mask_bands(mask_logits, frame, tile):
        probs = logits.sigmoid_()
        half = torch.ge(probs, 0.5, out=torch.empty_like(probs))
        claimed += half.flatten(1).sum(dim=1).long()
        best = _first_maximum(probs.mul_(scores[:, None, None]))
        won.scatter_add_(0, best.flatten(), torch.ones_like(best).flatten())
        winners[rows] = best
    return winners, won, claimed


def _first_maximum(x: Tensor) -> Tensor:
    """Index of the first largest of n maps (n, H, W), faster than any argmax."""
    order = torch.arange(len(x), 0, -1, dtype=x.dtype, device=x.device)
    largest = torch.eq(x, x.amax(dim=0), out=torch.empty_like(x))
    return len(x) - largest.mul_(order[:, None, None]).amax(dim=0).long()


def _numbered(
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


def instances(
    class_logits: Tensor,
    mask_logits: Tensor,
    frame: Frame,
    num_things: int,
    max_per_image: int = 100,
    tile: int | None = None,
) -> Instances:
    """The most probable objects of one image (arXiv 2112.01527, as its code does).

    Pairs of a query and a class are ranked by class probability; of the best
    ``max_per_image``, or of all there are, those of things are returned. A query may
    appear with several classes.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        frame: the image's place in the input, and the size of the result.
        num_things: classes 0..num_things-1 are things.
        max_per_image: how many pairs are looked at.
        tile: elements of an intermediate result, at least one row; default by device.
    """
    probs = class_probs(class_logits)  # (Q, K)
    num_classes = probs.shape[1]
    top = probs.flatten().topk(min(max_per_image, probs.numel()))
    labels = top.indices % num_classes
    thing = labels < num_things
    labels, scores = labels[thing], top.values[thing]
    queries = (top.indices // num_classes)[thing]
    used, place = queries.unique(return_inverse=True)
    masks = mask_logits.new_empty(len(used), *frame.out_size, dtype=torch.bool)
    total = probs.new_zeros(len(used))
    for rows, logits in mask_bands(mask_logits[used], frame, tile):
        band = logits > 0
        masks[:, rows] = band
        total += (logits.sigmoid_() * band).flatten(1).sum(dim=1)
    mean = total / (masks.flatten(1).sum(dim=1) + 1e-6)
    return Instances(labels, scores * mean[place], masks[place], _boxes(masks)[place])


def _boxes(masks: Tensor) -> Tensor:
    """(n, 4) float32 corners of the masks (n, H, W), zeros where a mask is empty."""
    corners = []
    for dim in (1, 2):  # columns, then rows
        occupied = masks.any(dim=dim)  # (n, W), then (n, H)
        length = occupied.shape[1]
        first = occupied.to(torch.uint8).argmax(dim=1)
        last = length - occupied.flip(1).to(torch.uint8).argmax(dim=1)
        corners += [first, last]
    left, right, top, bottom = corners
    boxes = torch.stack([left, top, right, bottom], dim=1).float()
    return boxes * masks.flatten(1).any(dim=1)[:, None]
