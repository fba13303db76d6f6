"""How sure a model is of the class of a pixel, as probabilities (docs/inference.md)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .score_maps import ScoreMap, score_tiles


class SemanticMaps(NamedTuple):
    """Labels and their uncertainty."""

    labels: Tensor  # (H, W) int64
    confidence: Tensor  # (H, W) float32: probability of the label, 1 / K to 1
    entropy: Tensor  # (H, W) float32: of the classes, 0 to 1
    no_object: Tensor  # (H, W) float32: probability that no query claims the pixel


def semantic_maps(scores: ScoreMap, from_logits: bool) -> SemanticMaps:
    """Best class of every pixel and three measures of uncertainty, tile by tile.

    Args:
        scores: of K classes, and of "no object".
        from_logits: whether the scores are logits, as those of per-pixel models are.
    """
    tiles = [_described(x, from_logits) for _, x in score_tiles(scores)]
    return SemanticMaps(*(torch.cat(maps) for maps in zip(*tiles, strict=True)))


def class_probabilities(scores: Tensor, from_logits: bool) -> Tensor:
    """Probabilities (K, ...) that sum to one over the classes.

    They are the softmax of logits, or shares S_c / sum S of other scores; where all of
    these are zero, every class has 1 / K.
    """
    if from_logits:
        return scores.softmax(dim=0)
    total = scores.sum(dim=0)
    return torch.where(total > 0, scores / total, 1 / len(scores))


def normalised_entropy(probs: Tensor) -> Tensor:
    """-sum P log P / log K of (K, ...): 0 where one is sure, 1 where all are equal.

    Of a single class one is always sure.
    """
    highest = math.log(max(len(probs), 2))
    return (torch.special.entr(probs).sum(dim=0) / highest).clamp_(0, 1)


def _described(scores: Tensor, from_logits: bool) -> SemanticMaps:
    """The maps (rows, W) of scores (K + 1, rows, W)."""
    probs = class_probabilities(scores[:-1], from_logits)
    confidence, labels = probs.max(dim=0)
    maps = (confidence, normalised_entropy(probs), scores[-1])
    return SemanticMaps(labels, *(x.float() for x in maps))
