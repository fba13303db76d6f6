"""Losses of masks that hold numbers between 0 and 1."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_maskformer.core.losses import (
    _CHUNK,
    BCEMaskLoss,
    DiceLoss,
    FocalMaskLoss,
    mask_losses,
)
from mmseg_maskformer.core.targets import SegmentTargets
from tests import reference
from tests.helpers.losses import dense, problem

SOFT = [(FocalMaskLoss(), False), (FocalMaskLoss(alpha=0.6, gamma=1.5), False)]
SOFT += [(BCEMaskLoss(), True), (DiceLoss(), False), (DiceLoss(smooth=3.0), False)]


def soft_masks(masks):
    """Numbers in 0..1 of the same shape, 0, 1/2 and 1 among them."""
    generator = torch.Generator().manual_seed(7)
    soft = torch.rand(masks.shape, generator=generator, dtype=torch.float64)
    kept = torch.rand(masks.shape, generator=generator)
    soft = torch.where(kept < 0.2, masks.double(), soft)
    return torch.where(kept > 0.9, torch.tensor(0.5, dtype=torch.float64), soft)


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize(("loss", "bce"), SOFT)
def test_soft_targets_equal_dense(loss, bce, valid, monkeypatch):
    monkeypatch.setitem(_CHUNK, "cpu", 900)
    logits, _, masks, inside = problem((5, 6), (18, 23), 3, valid=valid)
    soft = soft_masks(masks)
    labels = torch.zeros(3, dtype=torch.long)
    targets = SegmentTargets.from_masks(labels, soft, inside)
    streamed = mask_losses(logits, torch.arange(3), targets, [loss])
    constants = {
        x: vars(loss)[x] for x in ("alpha", "gamma", "smooth") if x in vars(loss)
    }
    weights = reference.Weights(bce=bce, **constants)
    index = int(isinstance(loss, DiceLoss))
    expected = dense(logits, soft, inside, weights)[index : index + 1]
    torch.testing.assert_close(streamed, expected, rtol=1e-10, atol=1e-12)
    found, wanted = (
        torch.autograd.grad(x.square().sum(), logits)[0] for x in (streamed, expected)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-14)


def test_soft_cross_entropy_equals_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(3, 7, 9, generator=generator)
    logits.requires_grad_()
    soft = torch.rand(3, 7, 9, generator=generator)
    found = BCEMaskLoss(weight=2.0)(logits, soft)
    wanted = 2.0 * F.binary_cross_entropy_with_logits(logits, soft)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        *(torch.autograd.grad(x, logits)[0] for x in (found, wanted))
    )


@pytest.mark.parametrize("loss", [x for x, _ in SOFT])
def test_floating_masks_of_zeros_and_ones_are_as_booleans(loss):
    logits, _, masks, inside = problem((5, 6), (18, 23), 3, valid=True)
    logits = logits.detach().float().requires_grad_()
    labels = torch.zeros(3, dtype=torch.long)
    values, grads = [], []
    for given in (masks, masks.float()):
        targets = SegmentTargets.from_masks(labels, given, inside)
        values.append(mask_losses(logits, torch.arange(3), targets, [loss]).sum())
        grads.append(torch.autograd.grad(values[-1], logits)[0])
    torch.testing.assert_close(*values, rtol=1e-6, atol=0)
    torch.testing.assert_close(*grads, rtol=1e-6, atol=1e-9)


def test_large_logits_of_soft_targets_stay_right_in_float32():
    row = torch.tensor([1.0, 17.0, 40.0, 100.0, 1e4])
    row = torch.cat([row, -row])
    logits = row.view(1, 1, -1).requires_grad_()
    exact = logits.detach().double().requires_grad_()
    soft = torch.full((1, 1, 10), 0.25)
    valid = torch.ones(1, 10, dtype=torch.bool)
    for loss, bce in SOFT[1:4]:
        term = (
            reference.dice_term if isinstance(loss, DiceLoss) else reference.mask_term
        )
        weights = reference.Weights(bce=bce, alpha=0.6, gamma=1.5)
        value = loss(logits, soft) / loss.weight
        wanted = term(exact[0], soft[0], valid, weights)
        torch.testing.assert_close(value.double(), wanted, rtol=2e-6, atol=1e-9)
        a, b = (
            torch.autograd.grad(value, logits)[0],
            torch.autograd.grad(wanted, exact)[0],
        )
        torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=2e-8)


@pytest.mark.parametrize("bad", [-0.25, 255.0, math.nan])
def test_floating_masks_outside_0_to_1_are_refused(bad):
    masks = torch.full((1, 2, 2), 0.5)
    masks[0, 1, 0] = bad
    with pytest.raises(
        ValueError, match="masks of street.png hold numbers from .*between 0 and 1"
    ):
        SegmentTargets.from_masks(torch.tensor([0]), masks, name="street.png")
