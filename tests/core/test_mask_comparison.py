"""Features of each layer, and a comparison of its own for matching and for losses."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from mmseg_maskformer.core.structures import Predictions
from tests import cases, reference


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
