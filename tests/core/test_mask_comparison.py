"""Features of each layer, and a comparison of its own for matching and for losses."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from tests import cases, reference
from tests.helpers.points import at_points, predictions_of


@pytest.mark.parametrize("masks", [DenseMasks(), PointMasks(40)])
def test_repeated_features_equal_shared_ones(masks):
    case = cases.random_case([4, 3])
    shared = predictions_of(case)
    repeated = shared._replace(mask_features=shared[2].expand(2, -1, -1, -1, -1))
    found = []
    for predictions in (shared, repeated):
        torch.manual_seed(0)
        losses = SetCriterion(masks=masks)(predictions, cases.as_targets(case.targets))
        gradients = torch.autograd.grad(sum(losses.values()), shared[1:3])
        found.append([torch.stack([*losses.values()]), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_features_of_each_layer_train_as_in_the_reference():
    case = cases.random_case([4, 3])
    shared = predictions_of(case)
    other = torch.randn_like(shared.mask_features)
    predictions = shared._replace(
        mask_features=torch.cat([shared.mask_features, other])
    )
    losses = SetCriterion()(predictions, cases.as_targets(case.targets))
    logits = torch.einsum("lbqc,lbchw->lbqhw", *predictions[1:3])
    wanted = reference.criterion(predictions.class_logits, logits, case.targets)
    for name, value in wanted.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-6, atol=0)


def test_matching_and_losses_may_differ():
    """Rows of the paper's Table 5: the assigner's own comparison comes first."""
    case = cases.random_case([4, 3])
    targets = cases.as_targets(case.targets)
    asked = []

    class Watched(PointMasks):
        def random_points(self, shape, like):
            asked.append(len(shape))
            return super().random_points(shape, like)

    for own, common, wanted in [
        (None, Watched(40), {2, 3}),
        (DenseMasks(), Watched(40), {3}),
        (Watched(40), DenseMasks(), {2}),
    ]:
        asked.clear()
        assigner = HungarianAssigner(masks=own)
        criterion = SetCriterion(masks=common, assigner=assigner)
        criterion(predictions_of(case), targets)
        assert set(asked) == wanted


class SamePoints(PointMasks):
    """The same points for every image, layer and mask."""

    def random_points(self, shape, like):
        generator = torch.Generator().manual_seed(0)
        return torch.rand(shape[-1], 2, generator=generator).to(like).expand(*shape, 2)

    def seen(self, logits, target):
        """Logits (Q, h, w) and target of an image as the slow formulas take them."""
        points = self.random_points((1, self.num_points), logits)
        masks = target[1].to(logits.dtype)
        found = [at_points(x, points.expand(len(x), -1, -1)) for x in (logits, masks)]
        return found[0][:, None], (target[0], found[1][:, None])


def crowded():
    """Nine segments and four, for five queries."""
    return cases.random_case([9, 4], num_queries=5)


def cropped():
    """Six segments, two of which have no pixel left; and one that has none."""
    case = cases.random_case([6, 1], num_queries=8)
    case.targets[0][1][[1, 4]] = False
    case.targets[1][1][0] = False
    return case


@pytest.mark.parametrize("compare", [DenseMasks(), SamePoints(30, importance_ratio=0)])
@pytest.mark.parametrize("make", [crowded, cropped])
def test_crowded_and_cropped_images_train_as_in_the_reference(make, compare):
    """The best matches of too many segments; empty masks as any other."""
    case = make()
    predictions = predictions_of(case)
    found = SetCriterion(masks=compare)(predictions, cases.as_targets(case.targets))
    weights = reference.Weights()
    for layer, prefix in enumerate(("d0.", "")):
        logits, masks = predictions.class_logits[layer], predictions.mask_logits(layer)
        views = list(zip(masks, case.targets, strict=True))
        if isinstance(compare, SamePoints):
            views = [compare.seen(*view) for view in views]
        pairs = [
            reference.match(x, *view, weights)
            for x, view in zip(logits, views, strict=True)
        ]
        wanted = reference.layer_losses(
            logits,
            torch.stack([x for x, _ in views]),
            [target for _, target in views],
            weights,
            pairs=pairs,
        )
        for name, factor in (("cls", 1.0), ("mask", 20.0), ("dice", 1.0)):
            value = factor * wanted[f"loss_{name}"].item()
            loss = found[f"{prefix}loss_{name}"].item()
            assert loss == pytest.approx(value, rel=1e-6), name
    gradients = torch.autograd.grad(sum(found.values()), predictions[1:3])
    assert all(x.isfinite().all() and x.any() for x in gradients)
