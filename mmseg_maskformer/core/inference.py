"""From predictions to semantic maps (paper section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from .class_scores import best_classes
from .pixel_assignment import assign_pixels, confident_queries
from .precision import at_least_float32, without_autocast
from .resize import resize
from .score_maps import ResizedMaskScores, ScoreWindow, best_labels
from .tiling import Placement, iter_tiles, tile_size


def class_probs(class_logits: Tensor) -> Tensor:
    """Softmax over K + 1 classes, without "no object": (..., K + 1) to (..., K)."""
    return at_least_float32(class_logits).softmax(dim=-1)[..., :-1]


def semantic_scores(
    class_logits: Tensor | None, mask_logits: Tensor, size: tuple[int, int]
) -> Tensor:
    """Score of every class at every pixel: sum over queries of p(class) p(mask).

    Args:
        class_logits: (B, Q, K + 1), or None of a per-pixel model, whose scores are its
            logits.
        mask_logits: (B, Q, h, w).
        size: height and width of the input, padding included.

    Returns:
        (B, K, H, W) scores. They are not probabilities over classes.
    """
    with without_autocast(mask_logits.device):
        masks = resize(at_least_float32(mask_logits), size)
        if class_logits is None:
            return masks
        masks = masks.sigmoid_()
        return torch.einsum("bqk,bqhw->bkhw", class_probs(class_logits), masks)


def semantic_labels(
    class_logits: Tensor | None,
    mask_logits: Tensor,
    placement: Placement,
) -> Tensor:
    """Best class of every pixel of one image, a tile of rows at a time.

    Equal to cropping and resizing :func:`semantic_scores` and taking the argmax, but
    no K x H x W tensor is made.

    Args:
        class_logits: (Q, K + 1), or None of a per-pixel model.
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.

    Returns:
        (H_out, W_out) int64 labels.
    """
    window = ScoreWindow.of(class_logits, mask_logits, placement.size)
    return best_labels(ResizedMaskScores(window, placement, resize_logits=False))


def general_labels(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    void: int,
    score_threshold: float = 0.3,
) -> Tensor:
    """The class of the query that wins a pixel: general inference, section 3.4.

    Queries whose best class is an object, with a probability above the score threshold,
    compete: each pixel goes to the highest product of class and mask probability.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.
        void: label of every pixel where no query competes.
        score_threshold: of the class probability, over K + 1 classes.

    Returns:
        (H_out, W_out) int64 labels.
    """
    kept, scores, labels = confident_queries(class_logits, score_threshold)
    found = assign_pixels(mask_logits[kept], scores, placement)
    table = torch.cat([labels, labels.new_tensor([void])])
    return table[found.query_map.long()]


def iterative_labels(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    void: int,
    overlap_threshold: float = 0.3,
) -> Tensor:
    """:func:`semantic_labels`, repeated without the masks that contribute little.

    The class of a mask is the best of its K classes, its area the pixels where its
    probability is at least 1/2, and its contribution the share of these pixels whose
    label is its class. Masks without area, or with a contribution below the threshold,
    leave together, and the semantic rule is applied to the rest, until none leaves.
    From the paper as it was first submitted.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: the image's place in the input, and the size of the result.
        void: label of every pixel where no mask is left.
        overlap_threshold: least contribution of a mask, between 0 and 1.

    Returns:
        (H_out, W_out) int64 labels.
    """
    probs = class_probs(class_logits)
    while len(probs):
        labels, counts = _contributions(probs, mask_logits, placement)
        agreeing, mask_area = counts.cpu()  # not every device has float64
        stays = (mask_area > 0) & (agreeing.double() / mask_area >= overlap_threshold)
        if stays.all():
            return labels
        probs, mask_logits = probs[stays], mask_logits[stays]
    return mask_logits.new_full(placement.out_size, void, dtype=torch.int64)


def _contributions(
    probs: Tensor, mask_logits: Tensor, placement: Placement
) -> tuple[Tensor, Tensor]:
    """Labels (H, W) of the semantic rule, and two counts of pixels (2, n) of n masks.

    The counts are those of a mask's pixels that have its class, and of all its pixels.
    """
    classes = probs.argmax(dim=1)[:, None, None]
    labels = classes.new_zeros(placement.out_size)
    counts = classes.new_zeros(2, len(probs))
    agreeing, mask_area = counts
    tile = tile_size(mask_logits.device)
    for rows, masks in iter_tiles(mask_logits, placement, torch.sigmoid):
        labels[rows] = best_classes(probs, masks, tile)
        half = masks >= 0.5
        mask_area += half.flatten(1).sum(dim=1)
        agreeing += (half & (labels[rows] == classes)).flatten(1).sum(dim=1)
    return labels, counts
