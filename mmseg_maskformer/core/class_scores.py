"""Scores of classes: sums over queries of class times mask probability."""

from __future__ import annotations

import torch
from torch import Tensor

from .precision import without_autocast


def class_scores(probs: Tensor | None, masks: Tensor, no_object: bool) -> Tensor:
    """Scores (K, rows, w) of class (Q, K + 1) and mask probabilities (Q, rows, w).

    Of a per-pixel model ``masks`` are the scores, and the no-object mass is zero. Of
    others it is the probability that no query claims a pixel, were they independent,
    the product over queries of 1 - p(object) p(mask); ``masks`` are then changed.

    Args:
        probs: of K classes and "no object", or None of a per-pixel model.
        masks: mask probabilities.
        no_object: add the no-object mass as one map more.
    """
    if probs is None:
        none = masks.new_zeros(1, *masks.shape[1:])
        return torch.cat([masks, none]) if no_object else masks
    with without_autocast(masks.device):
        scores = (probs[:, :-1].T @ masks.flatten(1)).view(-1, *masks.shape[1:])
    if not no_object:
        return scores
    objects = 1 - probs[:, -1, None, None]
    unclaimed = masks.mul_(objects).neg_().add_(1).prod(dim=0, keepdim=True)
    return torch.cat([scores, unclaimed])


def best_classes(probs: Tensor, masks: Tensor, tile: int) -> Tensor:
    """The class (rows, W) of the highest score, the first of several.

    Args:
        probs: (Q, K) class probabilities.
        masks: (Q, rows, W) mask probabilities.
        tile: scores that are made at a time.
    """
    pixels = masks.flatten(1).split(max(1, tile // probs.shape[1]), dim=1)
    with without_autocast(masks.device):
        if masks.device.type == "cuda":
            best = [(probs.T @ chunk).max(dim=0).indices for chunk in pixels]
        else:  # along a contiguous last dimension max is several times faster there
            best = [(chunk.T @ probs).max(dim=1).indices for chunk in pixels]
    return torch.cat(best).view(masks.shape[1:])
