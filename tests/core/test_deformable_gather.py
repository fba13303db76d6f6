"""The form of deformable attention for other runtimes against the one of training."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.deformable_attention import (
    deformable_attention,
    plain_gathers,
)
from mmseg_maskformer.core.deformable_gather import gather_attention
from tests.helpers.deformable import MAP_SHAPES, attention_inputs


@pytest.mark.parametrize("shapes", [MAP_SHAPES, [(1, 1)], [(4, 4), (2, 2)]])
def test_gathers_equal_the_sums_of_training(shapes):
    value, locations, weights = (x.detach() for x in attention_inputs(shapes))
    found = gather_attention(value, shapes, locations, weights)
    wanted = deformable_attention(value, shapes, locations, weights)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("x", [-9e30, float("inf"), -1 / 6, 0.0, 1 / 3, 1.0, 7 / 6])
def test_borders_and_what_is_far_outside_are_equal(x):
    value = torch.arange(1, 7, dtype=torch.float64).view(1, 6, 1, 1)
    location = torch.tensor([x, 1 / 4], dtype=torch.float64).view(1, 1, 1, 1, 1, 2)
    weight = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)
    arguments = (value, [(2, 3)], location, weight)
    found, wanted = gather_attention(*arguments), deformable_attention(*arguments)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-14)


def test_the_switch_is_for_its_block_alone(monkeypatch):
    name = "mmseg_maskformer.core.deformable_attention.gather_attention"
    monkeypatch.setattr(name, lambda *_: "gathers")
    arguments = [x.detach() for x in attention_inputs([(1, 1)])]
    arguments.insert(1, [(1, 1)])
    with plain_gathers():
        assert deformable_attention(*arguments) == "gathers"
    assert deformable_attention(*arguments).shape == (2, 5, 12)
