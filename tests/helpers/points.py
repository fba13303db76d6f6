"""Maps at points, points that are given, and predictions to compare at points."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mmseg_maskformer.core.mask_comparison import PointMasks
from mmseg_maskformer.core.structures import Predictions


def at_points(maps, points):
    """Maps (N, H, W) at points (N, P, 2) by the native operator, (N, P)."""
    grid = (2 * points - 1)[:, None]
    return F.grid_sample(maps[:, None].double(), grid, align_corners=False)[:, 0, 0]


class GivenPoints(PointMasks):
    """Points that are handed out one set after the other."""

    def __init__(self, num_points, given):
        super().__init__(num_points)
        self.given = list(given)

    def random_points(self, shape, like):
        points = self.given.pop(0).to(like)
        if len(shape) == 2:  # matching; a set for each layer may be the answer
            assert shape == (1, self.num_points)
        else:
            assert points.shape[:-1] == tuple(shape)
        return points


def predictions_of(case, dtype=torch.float64):
    """Class logits, embeddings and features of the case's shapes, with gradients."""
    layers, images, queries, height, width = case.mask_logits.shape
    generator = torch.Generator().manual_seed(5)
    shapes = [(layers, images, queries, 6), (1, images, 6, height, width)]
    embed, features = (
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in shapes
    )
    return Predictions(case.class_logits.to(dtype), embed, features)
