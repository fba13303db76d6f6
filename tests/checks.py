"""Comparing the losses and gradients of two criteria on one case."""

from __future__ import annotations

import pytest
import torch

from tests import cases


def run(criterion, case):
    """Losses by name and the gradients of their sum by both logits."""
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    losses = criterion(predictions, cases.as_targets(case.targets))
    return losses, gradients(losses, case)


def in_float64(case):
    """The same case with new leaves in float64."""
    logits = (x.detach().double().requires_grad_() for x in case[:2])
    return cases.Case(*logits, case.targets)


def gradients(losses, case):
    """Gradients of the sum of the losses by both logits."""
    return torch.autograd.grad(
        sum(losses.values()), (case.class_logits, case.mask_logits), retain_graph=True
    )


def assert_losses_equal(found, wanted, rtol=1e-5):
    """The same names, and values within `rtol`."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        expected = pytest.approx(float(value.detach()), rel=rtol, abs=1e-9)
        assert float(found[name].detach()) == expected, name


def assert_gradients_equal(found, wanted, tolerance=1e-5):
    """Within `tolerance` of the largest entry."""
    for ours, theirs in zip(found, wanted, strict=True):
        gap = (ours.double() - theirs.double()).abs().max()
        assert gap <= tolerance * theirs.abs().max() + 1e-12
