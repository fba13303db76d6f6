"""Streamed losses against dense formulas, closed forms and properties."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.losses import (
    _CHUNK,
    BCEMaskLoss,
    DiceLoss,
    FocalMaskLoss,
    mask_losses,
)
from mmseg_maskformer.core.match_costs import BCECost, DiceCost, FocalCost
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases, reference
from tests.helpers.losses import dense, problem

SIZES = [  # prediction grid, target
    ((8, 10), (32, 40)),
    ((9, 13), (33, 50)),
    ((5, 7), (17, 27)),
    ((6, 6), (6, 6)),
    ((1, 3), (2, 9)),
    ((40, 9), (11, 70)),
]
FACTORS = [(20.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.3, -2.0)]


def assert_equal_with_gradients(streamed, expected, logits, factors=FACTORS):
    torch.testing.assert_close(streamed, expected, rtol=1e-10, atol=1e-12)
    for mask_factor, dice_factor in factors:
        found, wanted = (
            torch.autograd.grad(
                mask_factor * x[0].sum() + dice_factor * x[1].square().sum(),
                logits,
                retain_graph=True,
            )[0]
            for x in (streamed, expected)
        )
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-14)
        assert wanted.abs().max() > 0


@pytest.mark.parametrize("chunk", [1, 1000, 10**7])
@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_streamed_equals_dense_for_any_size_and_chunk(grid, size, chunk, monkeypatch):
    monkeypatch.setitem(_CHUNK, "cpu", chunk)
    logits, targets, masks, _ = problem(grid, size, num_segments=3)
    losses = [FocalMaskLoss(), DiceLoss()]
    streamed = mask_losses(logits, torch.arange(3), targets, losses)
    expected = dense(logits, masks, None, reference.Weights())
    assert_equal_with_gradients(streamed, expected, logits)


@pytest.mark.parametrize("num_segments", [1, 2, 20])
@pytest.mark.parametrize("num_layers", [1, 6])
def test_streamed_equals_dense_for_any_number_of_segments(
    num_segments, num_layers, monkeypatch
):
    monkeypatch.setitem(_CHUNK, "cpu", 2000)
    logits, targets, masks, _ = problem((5, 6), (18, 23), num_segments, num_layers)
    losses = [FocalMaskLoss(), DiceLoss()]
    numbers = torch.arange(num_segments)
    streamed = mask_losses(logits, numbers, targets, losses)
    expected = dense(logits, masks, None, reference.Weights())
    assert_equal_with_gradients(streamed, expected, logits)


def test_streamed_equals_dense_with_other_constants_and_bce():
    logits, targets, masks, _ = problem((5, 6), (18, 23), num_segments=3)
    weights = reference.Weights(alpha=0.6, gamma=1.5, smooth=3.0)
    losses = [FocalMaskLoss(alpha=0.6, gamma=1.5), DiceLoss(smooth=3.0)]
    streamed = mask_losses(logits, torch.arange(3), targets, losses)
    assert_equal_with_gradients(streamed, dense(logits, masks, None, weights), logits)
    losses[0] = BCEMaskLoss()
    streamed = mask_losses(logits, torch.arange(3), targets, losses)
    expected = dense(logits, masks, None, weights._replace(bce=True))
    assert_equal_with_gradients(streamed, expected, logits)


@pytest.mark.parametrize("bce", [False, True])
def test_void_pixels_take_no_part(bce, monkeypatch):
    monkeypatch.setitem(_CHUNK, "cpu", 900)
    logits, targets, masks, valid = problem((5, 6), (18, 23), 4, valid=True)
    losses = [BCEMaskLoss() if bce else FocalMaskLoss(), DiceLoss()]
    streamed = mask_losses(logits, torch.arange(4), targets, losses)
    expected = dense(logits, masks, valid, reference.Weights(bce=bce))
    assert_equal_with_gradients(streamed, expected, logits)


def test_all_pixels_void_is_zero_pixel_loss_with_zero_gradient():
    logits, targets, _, _ = problem((4, 4), (9, 9), 2)
    targets.valid = torch.zeros(9, 9, dtype=torch.bool)
    values = mask_losses(
        logits, torch.arange(2), targets, [FocalMaskLoss(), DiceLoss()]
    )
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    # dice: 1 - (0 + 1) / (0 + 0 + 1) = 0
    assert values.abs().max() == 0
    assert gradient.abs().max() == 0


def test_each_term_leaves_the_other_alone():
    logits, targets, _, _ = problem((5, 6), (18, 23), 3)
    losses = [FocalMaskLoss(), DiceLoss()]
    both = mask_losses(logits, torch.arange(3), targets, losses)
    for index in range(2):
        alone = mask_losses(logits, torch.arange(3), targets, losses[index : index + 1])
        assert torch.equal(alone[0], both[index])
        found = torch.autograd.grad(both[index].sum(), logits, retain_graph=True)[0]
        wanted = torch.autograd.grad(alone.sum(), logits)[0]
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_overlapping_masks_equal_dense(monkeypatch):
    monkeypatch.setitem(_CHUNK, "cpu", 1500)
    logits, _, masks, _ = problem((5, 6), (18, 23), 3)
    masks = masks.clone()
    masks[1] |= masks[0]
    masks[2] = False  # an empty segment stays a segment
    targets = SegmentTargets.from_masks(torch.zeros(3, dtype=torch.long), masks)
    streamed = mask_losses(
        logits, torch.arange(3), targets, [FocalMaskLoss(), DiceLoss()]
    )
    expected = dense(logits, masks, None, reference.Weights())
    assert_equal_with_gradients(streamed, expected, logits)


def test_rows_may_name_segments_in_any_order_and_twice():
    logits, targets, masks, _ = problem((5, 6), (18, 23), 3)
    order = torch.tensor([2, 0, 2])
    streamed = mask_losses(logits, order, targets, [FocalMaskLoss(), DiceLoss()])
    expected = dense(logits, masks[order], None, reference.Weights())
    torch.testing.assert_close(streamed, expected, rtol=1e-10, atol=1e-12)


def test_logits_of_any_magnitude_stay_finite_and_right_in_float32():
    values = [0.0, -0.0, 1e-6, 1.0, 17.0, 40.0, 90.0, 200.0, 1e4]
    row = torch.tensor(values + [-x for x in values])
    logits = row.view(1, 1, 1, -1).requires_grad_()
    for on in (True, False):
        mask = torch.full((1, 1, row.numel()), on)
        targets = SegmentTargets.from_masks(torch.zeros(1, dtype=torch.long), mask)
        losses = [FocalMaskLoss(), BCEMaskLoss(), DiceLoss()]
        found = mask_losses(logits, torch.arange(1), targets, losses)[:, 0, 0]
        exact = logits.detach().double().requires_grad_()
        valid = torch.ones(1, row.numel(), dtype=torch.bool)
        plain, cross = reference.Weights(), reference.Weights(bce=True)
        wanted = [
            reference.mask_term(exact[0, 0], mask[0], valid, plain),
            reference.mask_term(exact[0, 0], mask[0], valid, cross),
            reference.dice_term(exact[0, 0], mask[0], valid, plain),
        ]
        for value, expected in zip(found, wanted, strict=True):
            torch.testing.assert_close(value.double(), expected, rtol=2e-6, atol=1e-9)
            a = torch.autograd.grad(value, logits, retain_graph=True)[0]
            b = torch.autograd.grad(expected, exact, retain_graph=True)[0]
            torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=2e-8)


def test_closed_form_of_a_flat_mask():
    # logits 0: p = 1/2 on all N = 6 pixels, of which n = 2 lie on the segment
    mask = torch.tensor([[[1, 1, 0], [0, 0, 0]]], dtype=torch.bool)
    logits = torch.zeros(1, 2, 3)
    # focal: (2 * 0.25 + 4 * 0.75) / 6 * (1/2)^2 * ln 2, weight 20
    focal = 20 * 3.5 / 6 * 0.25 * math.log(2)
    # dice: 1 - (2 * 2/2 + 1) / (6/2 + 2 + 1) = 1 - 3/6
    assert float(FocalMaskLoss()(logits, mask)) == pytest.approx(focal, rel=1e-6)
    assert float(DiceLoss()(logits, mask)) == pytest.approx(0.5, rel=1e-6)
    bce = 2.0 * math.log(2)
    assert float(BCEMaskLoss(weight=2.0)(logits, mask)) == pytest.approx(bce, rel=1e-6)


def test_perfect_masks_cost_nothing():
    _, masks = cases.target(4, 5, (24, 20), seed=3)
    logits = torch.where(masks, 60.0, -60.0)
    for loss in (FocalMaskLoss(), BCEMaskLoss(), DiceLoss()):
        assert float(loss(logits, masks)) < 1e-6
        assert float(loss(-logits, masks)) > 0.5


def test_diagonal_of_the_pairwise_costs_is_the_loss():
    _, masks = cases.target(5, 5, (13, 11), seed=1)
    logits = 3 * torch.randn(5, 13, 11, generator=torch.Generator().manual_seed(0))
    predicted = SimpleNamespace(masks=logits)
    truth = SimpleNamespace(masks=masks, labels=torch.zeros(5, dtype=torch.long))
    pairs = [
        (FocalMaskLoss(), FocalCost(weight=20.0)),
        (BCEMaskLoss(weight=5.0), BCECost(weight=5.0)),
        (DiceLoss(), DiceCost(weight=1.0)),
    ]
    for loss, cost in pairs:
        table = cost(predicted, truth, {})
        alone = [loss(x[None], t[None]) for x, t in zip(logits, masks, strict=True)]
        torch.testing.assert_close(table.diagonal(), torch.stack(alone))
        assert (table.diagonal() - table.flip(1).diagonal()).abs().max() > 1e-3


def test_class_loss_is_a_weighted_mean_in_closed_form():
    # two queries: class 1 with logits (0, ln 3, 0), p = 3/5; no object, p = 1/3
    logits = torch.tensor([[0.0, math.log(3), 0.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([1, 2])
    loss = ClassificationLoss(no_object_weight=0.1)(
        logits[None, None], labels[None, None]
    )
    expected = (math.log(5 / 3) + 0.1 * math.log(3)) / 1.1
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_class_loss_of_every_layer_equals_the_reference():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 9, 5, generator=generator)
    labels = torch.randint(5, (3, 2, 9), generator=generator)
    found = ClassificationLoss(no_object_weight=0.3)(logits, labels)
    for layer in range(3):
        wanted = reference.class_term(
            logits[layer].flatten(0, 1).double(), labels[layer].flatten(), 0.3
        )
        assert float(found[layer]) == pytest.approx(float(wanted), rel=1e-6)


def test_one_saved_tensor_per_image_and_no_full_size_one():
    # 2 terms x 5 segments x 3 layers x (16 x 16) cells x 4 bytes
    logits, targets, _, _ = problem((16, 16), (64, 64), 5)
    logits = logits.detach().float().requires_grad_()
    saved = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda x: saved.append(x) or x, lambda x: x
    )
    with hooks:
        mask_losses(logits, torch.arange(5), targets, [FocalMaskLoss(), DiceLoss()])
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage() for x in saved}
    given = storages.pop(logits.untyped_storage().data_ptr(), None)
    assert given is None or given.nbytes() == logits.numel() * 4
    assert sum(x.nbytes() for x in storages.values()) == 2 * 5 * 3 * 16 * 16 * 4


def test_backward_inside_autocast_stays_in_float32():
    logits, targets, _, _ = problem((5, 6), (18, 23), num_segments=3)
    logits = logits.detach().float().requires_grad_()
    losses = [FocalMaskLoss(), DiceLoss()]
    total = mask_losses(logits, torch.arange(3), targets, losses).sum() * 1e5
    (wanted,) = torch.autograd.grad(total, logits, retain_graph=True)
    with torch.autocast("cpu", dtype=torch.float16):  # ends at 65504
        (found,) = torch.autograd.grad(total, logits)
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("bad", [[1.0, 0.1], None, -0.1, float("nan")])
def test_no_object_weight_must_be_a_number(bad):
    with pytest.raises(ValueError, match="no_object_weight must be a number"):
        ClassificationLoss(no_object_weight=bad)
