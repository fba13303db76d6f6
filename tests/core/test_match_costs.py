"""Match costs against the reference and against mmdet's costs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from mmseg_maskformer.core.losses import DiceLoss, FocalMaskLoss
from mmseg_maskformer.core.match_costs import (
    BCECost,
    ClassificationCost,
    DiceCost,
    FocalCost,
)
from tests import cases, reference


def problem(num_segments=5, size=(32, 40), seed=0):
    """Class logits (Q, K+1), mask logits (Q, h, w), labels and masks of an image."""
    case = cases.random_case([num_segments], size=size, num_layers=1, seed=seed)
    class_logits, mask_logits = case.class_logits[0, 0], case.mask_logits[0, 0]
    return class_logits.detach(), mask_logits.detach(), case.targets[0]


def instances(class_logits, mask_logits, target):
    """The host's containers, with masks on the prediction grid."""
    labels, masks = target
    small = reference.resize_nearest(masks, tuple(mask_logits.shape[-2:]))
    predicted = SimpleNamespace(scores=class_logits, masks=mask_logits)
    return predicted, SimpleNamespace(labels=labels, masks=small.long())


@pytest.mark.parametrize("size", [(32, 40), (33, 50), (17, 9)])
@pytest.mark.parametrize("bce", [False, True])
def test_costs_equal_the_reference(size, bce):
    class_logits, mask_logits, target = problem(size=size)
    weights = reference.Weights(cls=2.0, mask=7.0, dice=3.0, bce=bce, smooth=2.0)
    wanted = reference.cost_terms(
        class_logits.double(), mask_logits.double(), target, weights
    )
    mask_cost = BCECost(weight=7.0) if bce else FocalCost(weight=7.0)
    costs = [ClassificationCost(2.0), mask_cost, DiceCost(weight=3.0, smooth=2.0)]
    arguments = instances(class_logits, mask_logits, target)
    for cost, expected in zip(costs, wanted, strict=True):
        found = cost(*arguments, {})
        assert expected.std() > 1e-3
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_focal_constants_reach_the_formula():
    class_logits, mask_logits, target = problem()
    weights = reference.Weights(mask=1.0, alpha=0.7, gamma=3.0)
    wanted = reference.cost_terms(
        class_logits.double(), mask_logits.double(), target, weights
    )[1]
    cost = FocalCost(weight=1.0, alpha=0.7, gamma=3.0)
    found = cost(*instances(class_logits, mask_logits, target))
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)


def test_costs_equal_those_of_mmdet():
    pytest.importorskip("mmdet")
    from mmdet.models.task_modules.assigners import match_cost as peer
    from mmengine.structures import InstanceData

    class_logits, mask_logits, target = problem(seed=4)
    predicted, truth = instances(class_logits, mask_logits, target)
    predicted, truth = InstanceData(**vars(predicted)), InstanceData(**vars(truth))
    pairs = [
        (ClassificationCost(1.0), peer.ClassificationCost(weight=1.0)),
        (FocalCost(20.0), peer.FocalLossCost(weight=20.0, binary_input=True)),
        (BCECost(5.0), peer.CrossEntropyLossCost(weight=5.0, use_sigmoid=True)),
        (DiceCost(1.0), peer.DiceCost(weight=1.0, pred_act=True, eps=1.0)),
    ]
    for ours, theirs in pairs:
        found = ours(predicted, truth, {})
        torch.testing.assert_close(
            found, theirs(predicted, truth, {}), atol=1e-5, rtol=1e-5
        )


def test_the_focal_cost_has_no_cap_where_mmdets_has_one():
    pytest.importorskip("mmdet")
    from mmdet.models.task_modules.assigners import match_cost as peer
    from mmengine.structures import InstanceData

    predicted = InstanceData(masks=torch.full((1, 8, 8), 100.0))
    truth = InstanceData(masks=torch.zeros(1, 8, 8, dtype=torch.long))
    # 1 - alpha = 0.75; softplus(100) = 100, as in the authors' code; mmdet takes the
    # logarithm of 1 - p + 1e-12, which is -27.63 once p is 1 in float32
    assert float(FocalCost(1.0)(predicted, truth)) == pytest.approx(75.0)
    cost = peer.FocalLossCost(weight=1.0, binary_input=True)
    assert float(cost(predicted, truth)) == pytest.approx(0.75 * 27.631, rel=1e-4)
    for logit, theirs in ((16.6, 0.75 * 15.942), (16.7, 0.75 * 27.631)):
        predicted.masks = torch.full((1, 8, 8), logit)
        assert float(cost(predicted, truth)) == pytest.approx(theirs, rel=1e-4)
        assert float(FocalCost(1.0)(predicted, truth)) == pytest.approx(0.75 * logit)


def test_half_precision_inputs_are_compared_in_float32():
    # 4096 pixels x softplus(40) = 163,840 overflows float16 (65,504)
    logits = torch.full((1, 64, 64), 40.0)
    predicted = SimpleNamespace(masks=logits.half())
    truth = SimpleNamespace(masks=torch.zeros(1, 64, 64, dtype=torch.bool))
    cost = BCECost(weight=1.0)(predicted, truth)
    assert cost.dtype == torch.float32
    assert float(cost) == pytest.approx(40.0, rel=1e-6)


@pytest.mark.parametrize("cost", [FocalCost, BCECost, DiceCost])
def test_autocast_of_an_assigner_of_mmdet_changes_no_cost(cost):
    predicted, truth = instances(*problem())
    exact = cost()(predicted, truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cost()(predicted, truth), exact)


@pytest.mark.parametrize("cost", [ClassificationCost, FocalCost, BCECost, DiceCost])
def test_negative_weights_are_refused(cost):
    with pytest.raises(ValueError, match="weight must be a number >= 0, got -1"):
        cost(weight=-1)


@pytest.mark.parametrize(
    ("kinds", "wrong", "message"),
    [
        ((FocalCost, FocalMaskLoss), dict(alpha=1.5), "alpha=1.5 is no share; set it"),
        ((FocalCost, FocalMaskLoss), dict(alpha="x"), "alpha='x' is no share; set it"),
        ((FocalCost, FocalMaskLoss), dict(gamma=-1), "gamma must be .* >= 0, got -1"),
        ((DiceCost, DiceLoss), dict(smooth=0), "smooth must be positive, got 0"),
    ],
)
def test_costs_and_losses_refuse_the_same_numbers(kinds, wrong, message):
    for kind in kinds:
        with pytest.raises(ValueError, match=message):
            kind(**wrong)


def test_soft_masks_equal_the_reference():
    class_logits, mask_logits, target = problem()
    generator = torch.Generator().manual_seed(3)
    soft = torch.rand(5, *mask_logits.shape[-2:], generator=generator)
    predicted = SimpleNamespace(masks=mask_logits)
    truth = SimpleNamespace(masks=soft)
    for bce, mask_cost in ((True, BCECost(7.0)), (False, FocalCost(7.0))):
        weights = reference.Weights(mask=7.0, dice=3.0, bce=bce)
        _, mask, dice = reference.cost_terms(
            class_logits.double(), mask_logits.double(), (target[0], soft), weights
        )
        for cost, wanted in ((mask_cost, mask), (DiceCost(3.0), dice)):
            found = cost(predicted, truth).double()
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    # one query and one segment at a time, by torch
    alone = [
        [F.binary_cross_entropy_with_logits(x, t) for t in soft] for x in mask_logits
    ]
    wanted = torch.stack([torch.stack(row) for row in alone])
    torch.testing.assert_close(BCECost(1.0)(predicted, truth), wanted)
