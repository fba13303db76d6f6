"""Comparing masks at points: the original criterion and slow formulas in float64."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.losses import BCEMaskLoss, DiceLoss
from mmseg_maskformer.core.mask_comparison import PointMasks
from tests import cases


class GivenPoints(PointMasks):
    """Points that are handed out one set after the other."""

    def __init__(self, num_points, given):
        super().__init__(num_points)
        self.given = list(given)

    def random_points(self, shape, like):
        points = self.given.pop(0).to(like)
        # matching may have one set a layer
        assert len(shape) == 2 or points.shape[:-1] == tuple(shape)
        return points


def golden_criterion(data, num_layers, num_images):
    """The criterion of the file with its points, in the order of asking."""
    matching, losses = [], []
    start = [0] * num_layers
    for image in range(num_images):
        if not len(data[f"labels{image}"]):
            continue
        names = [f"match_points{layer}_{image}" for layer in range(num_layers)]
        matching.append(torch.cat([torch.from_numpy(data[name]) for name in names]))
        sets = {"candidates": [], "random_points": []}
        for layer in range(num_layers):
            segments = data[f"segments{layer}_{image}"]
            rows = start[layer] + np.argsort(segments)
            start[layer] += len(segments)
            for kind, found in sets.items():
                found.append(torch.from_numpy(data[f"{kind}{layer}"][rows]))
        losses += [torch.stack(found, dim=1) for found in sets.values()]
    return SetCriterion(
        loss_cls=ClassificationLoss(weight=2.0),
        loss_mask=BCEMaskLoss(weight=5.0),
        loss_dice=DiceLoss(weight=5.0),
        masks=GivenPoints(int(data["P"]), matching + losses),
    )


def test_equals_the_original_criterion_at_its_points(golden):
    data = np.load(golden / "mask2former_criterion.npz")
    num_layers = sum(name.startswith("cls") for name in data.files)
    num_images = sum(name.startswith("labels") for name in data.files)
    cls, mask, gcls, gmask = (
        torch.stack([torch.from_numpy(data[f"{kind}{i}"]) for i in range(num_layers)])
        for kind in ("cls", "mask", "gcls", "gmask")
    )
    targets = [
        tuple(torch.from_numpy(data[f"{kind}{b}"]) for kind in ("labels", "masks"))
        for b in range(num_images)
    ]
    criterion = golden_criterion(data, num_layers, num_images)
    inputs = (cls.requires_grad_(), mask.requires_grad_())
    predictions = cases.as_predictions(*inputs)
    compact = cases.as_targets(targets)
    assigner, matches = criterion.assigner, []
    criterion.assigner = lambda *given: matches.extend(assigner(*given)) or matches
    losses = criterion(predictions, compact)
    assert not criterion.masks.given  # every set was asked for
    for image, match in enumerate(matches):
        for layer in range(num_layers):
            wanted = [data[f"{x}{layer}_{image}"] for x in ("queries", "segments")]
            order = np.argsort(wanted[1])
            assert match.queries[layer].tolist() == wanted[0][order].tolist()
            assert match.segments[layer].tolist() == wanted[1][order].tolist()
    names = {"loss_cls": "loss_ce", "loss_mask": "loss_mask", "loss_dice": "loss_dice"}
    wanted = json.loads(str(data["values"]))
    for name, value in losses.items():
        layer, _, short = name.rpartition(".")
        suffix = f"_{layer[1:]}" if layer else ""
        weight = getattr(criterion, short).weight
        expected = weight * wanted[names[short] + suffix]
        assert value.item() == pytest.approx(expected, rel=1e-5), name
    found = torch.autograd.grad(sum(losses.values()), inputs)
    for gradient, expected in zip(found, (gcls, gmask), strict=True):
        gap = (gradient - expected).abs().max() / expected.abs().max()
        assert gap < 1e-5
