"""The whole criterion against the peer, the original code, and the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.losses import (
    BCEMaskLoss,
    DiceLoss,
    FocalMaskLoss,
)
from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases, reference
from tests.checks import (
    assert_gradients_equal,
    assert_losses_equal,
    gradients,
    in_float64,
    run,
)

CASES = {
    "two images": dict(segments=[4, 3]),
    "an empty image": dict(segments=[4, 0]),
    "all ignored": dict(segments=[0, 0]),
    "one image, all ignored": dict(segments=[0]),
    "one segment": dict(segments=[1]),
    "one class": dict(segments=[1, 1], num_classes=1),
    "20 segments": dict(segments=[20, 7], num_classes=30, num_queries=25),
    "odd size": dict(segments=[3, 5], size=(33, 50)),
    "six layers": dict(segments=[3, 5], num_layers=6),
    "as many segments as queries": dict(segments=[12, 2]),
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_equals_the_reference(options):
    case = cases.random_case(**options)
    losses, found = run(SetCriterion(), case)
    exact = in_float64(case)
    wanted = reference.criterion(*exact)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)


@pytest.mark.mmdet
@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_equals_the_head_of_mmseg(options):
    pytest.importorskip("mmdet")
    from tests import peers

    case = cases.random_case(**options, seed=3)
    wanted = peers.losses(*case)
    # The peer counts an image without segments as one mask, the paper's code does not.
    num_masks = max(1, sum(len(labels) for labels, _ in case.targets))
    factor = peers.counted_masks(case.targets) / num_masks
    wanted = {
        name: value if name.endswith("cls") else factor * value
        for name, value in wanted.items()
    }
    losses, found = run(SetCriterion(), case)
    assert_losses_equal(losses, wanted)
    assert_gradients_equal(found, gradients(wanted, case))


@pytest.mark.mmdet
def test_gradients_of_heads_and_features_equal_those_of_mmseg():
    pytest.importorskip("mmdet")
    from tests import peers

    case = cases.random_case([4, 3], seed=6)
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(2, 2, 12, 16, generator=generator, requires_grad=True)
    features = torch.randn(2, 16, 8, 10, generator=generator, requires_grad=True)
    predictions = Predictions(case.class_logits, embed, features[None])
    masks = torch.einsum("lbqc,bchw->lbqhw", embed, features)
    ours = SetCriterion()(predictions, cases.as_targets(case.targets))
    theirs = peers.losses(case.class_logits, masks, case.targets)
    for name in theirs:
        inputs = (case.class_logits, embed, features)
        options = dict(retain_graph=True, materialize_grads=True)
        found = torch.autograd.grad(ours[name], inputs, **options)
        wanted = torch.autograd.grad(theirs[name], inputs, **options)
        assert_gradients_equal(found, wanted)


def golden_case(golden):
    data = np.load(golden / "criterion_and_panoptic.npz")
    layers = range(3)
    cls, mask, gcls, gmask = (
        torch.stack(
            [torch.from_numpy(data[f"loss0_{kind}{layer}"]) for layer in layers]
        )
        for kind in ("cls", "mask", "gcls", "gmask")
    )
    targets = [
        tuple(
            torch.from_numpy(data[f"loss0_{kind}{b}"]) for kind in ("labels", "masks")
        )
        for b in range(2)
    ]
    case = cases.Case(cls.requires_grad_(), mask.requires_grad_(), targets)
    return case, json.loads(str(data["loss0_values"])), (gcls, gmask)


def test_equals_the_original_criterion(golden):
    case, values, wanted_gradients = golden_case(golden)
    losses, found = run(SetCriterion(), case)
    names = {"loss_ce": ("loss_cls", 1), "loss_mask": ("loss_mask", 20)}
    names["loss_dice"] = ("loss_dice", 1)
    wanted = {}
    for name, value in values.items():
        base, _, layer = name.rpartition("_")
        base, prefix = (base, f"d{layer}.") if layer.isdigit() else (name, "")
        ours, weight = names[base]
        wanted[prefix + ours] = torch.tensor(weight * value)
    assert len(wanted) == 9
    assert_losses_equal(losses, wanted)
    assert_gradients_equal(found, wanted_gradients)


def test_overlapping_masks_of_the_original_equal_the_reference(golden):
    case, _, _ = golden_case(golden)
    masks = case.targets[0][1].clone()
    masks[0] |= masks[1]
    labels = case.targets[0][0]
    targets = [
        SegmentTargets.from_masks(labels, masks),
        *cases.as_targets([case.targets[1]]),
    ]
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    losses = SetCriterion()(predictions, targets)
    exact = [x.detach().double() for x in case[:2]]
    wanted = reference.criterion(*exact, [(labels, masks), case.targets[1]])
    assert_losses_equal(losses, wanted, rtol=2e-6)


@pytest.mark.parametrize("bce", [False, True])
def test_soft_masks_equal_the_reference(bce):
    case = cases.random_case([4, 3], size=(33, 50), seed=2)
    generator = torch.Generator().manual_seed(0)
    soft = [
        (labels, masks * torch.rand(masks.shape, generator=generator))
        for labels, masks in case.targets
    ]
    case = case._replace(targets=soft)
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    targets = [SegmentTargets.from_masks(*target) for target in soft]
    mask_loss = BCEMaskLoss(weight=5.0) if bce else FocalMaskLoss()
    losses = SetCriterion(loss_mask=mask_loss)(predictions, targets)
    exact = in_float64(case)
    weights = reference.Weights(mask=5.0 if bce else 20.0, bce=bce)
    wanted = reference.criterion(*exact, weights)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    found = gradients(losses, case)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)


@pytest.mark.parametrize("bce", [False, True])
def test_void_left_out_equals_the_reference(bce):
    case = cases.random_case([4, 3, 0], size=(33, 50), seed=2)
    generator = torch.Generator().manual_seed(0)
    targets = [
        (labels, masks, torch.rand(33, 50, generator=generator) > 0.4)
        for labels, masks in case.targets
    ]
    case = case._replace(targets=targets)
    mask_loss = BCEMaskLoss(weight=5.0) if bce else FocalMaskLoss()
    losses, found = run(SetCriterion(loss_mask=mask_loss), case)
    exact = in_float64(case)
    weights = reference.Weights(mask=5.0 if bce else 20.0, bce=bce)
    wanted = reference.criterion(*exact, weights)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)


@pytest.mark.parametrize("only", ["loss_mask", "loss_dice", "loss_cls", "d0.loss_dice"])
def test_one_term_alone_has_the_gradient_of_that_term(only):
    case = cases.random_case([3, 2], seed=8)
    losses, _ = run(SetCriterion(), case)
    exact = in_float64(case)
    wanted = reference.criterion(*exact)
    options = dict(retain_graph=True, materialize_grads=True)
    found = torch.autograd.grad(3.5 * losses[only], case[:2], **options)
    expected = torch.autograd.grad(3.5 * wanted[only], exact[:2], **options)
    assert_gradients_equal(found, expected, tolerance=2e-6)
    assert max(float(x.abs().max()) for x in expected) > 0


def test_weights_serve_the_losses_and_the_matching():
    case = cases.random_case([6, 5], seed=4)
    criterion = SetCriterion(
        loss_cls=ClassificationLoss(weight=9.0, no_object_weight=0.4),
        loss_mask=FocalMaskLoss(weight=0.5, alpha=0.5, gamma=1.0),
        loss_dice=DiceLoss(weight=4.0, smooth=2.0),
    )
    losses, found = run(criterion, case)
    weights = reference.Weights(9.0, 0.5, 4.0, 0.4, 0.5, 1.0, 2.0)
    exact = in_float64(case)
    wanted = reference.criterion(*exact, weights)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)


def test_segments_without_a_pixel_on_the_grid_train_as_in_the_reference():
    labels = torch.tensor([0, 1])
    masks = torch.zeros(2, 32, 40, dtype=torch.bool)
    masks[0, 1, 1] = True  # nearest-neighbour sampling at stride 4 misses it
    masks[1, 10:] = True
    case = cases.random_case([2], seed=3)._replace(targets=[(labels, masks)])
    losses, found = run(SetCriterion(), case)
    exact = in_float64(case)
    wanted = reference.criterion(*exact)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)
