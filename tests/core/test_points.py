"""Sampling at points against ``grid_sample`` in float64, and the choice of points."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.points import (
    in_reading_order,
    sample,
    sample_masks,
    sample_own,
    sample_valid,
    uncertain,
)
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases
from tests.helpers.points import at_points

SIZES = [(8, 10), (7, 5), (1, 1), (1, 9)]


def some_points(num_maps, seed=0):
    """Random points, the corners, the edges, cell centres, and points outside."""
    generator = torch.Generator().manual_seed(seed)
    inside = torch.rand(num_maps, 40, 2, generator=generator, dtype=torch.float64)
    ends = [-3.0, -0.01, 0.0, 0.05, 0.5, 0.999, 1.0, 1.02, 4.0]
    ends = torch.tensor(ends, dtype=torch.float64)
    return torch.cat(
        [inside, torch.cartesian_prod(ends, ends).repeat(num_maps, 1, 1)], 1
    )


@pytest.mark.parametrize("size", SIZES)
def test_own_gradient_is_that_of_the_native_operator(size):
    maps = torch.randn(3, *size, dtype=torch.float64, requires_grad=True)
    points, weights = some_points(3), torch.randn(3, 121, dtype=torch.float64)
    found, wanted = sample_own(maps, points), at_points(maps, points)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    gradients = [torch.autograd.grad(x, maps, weights)[0] for x in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)
    assert gradients[0].abs().sum() > 0.1
    assert torch.autograd.gradcheck(lambda x: sample_own(x, points), [maps])


def test_sampling_keeps_the_points_only_and_reads_whole_masks_in_chunks(monkeypatch):
    monkeypatch.setitem(sample_own.__globals__["CHUNK"], "cpu", 1)  # a mask at a time
    maps = torch.randn(3, 40, 50, dtype=torch.float64, requires_grad=True)
    points, kept = some_points(3)[:, :9], []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda _: points):
        found = sample_own(maps, points)
    assert [x.shape for x in kept] == [points.shape]
    gradient = torch.autograd.grad(found.sum(), maps)[0]
    wanted = torch.autograd.grad(at_points(maps, points).sum(), maps)[0]
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_an_id_map_is_sampled_as_its_masks(size, dtype):
    id_map = torch.randint(0, 4, size, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([0, 3, 1], dtype=dtype)  # what lies outside is no segment 0
    target = SegmentTargets(torch.zeros(3), id_map.to(dtype), ids)
    segments = torch.tensor([1, 0, 2, 0])
    masks = (id_map == ids[segments, None, None]).double()
    for points in (some_points(4), some_points(1)):
        wanted = at_points(masks, points.expand(4, -1, -1))
        found = sample_masks(target, segments, points)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
        assert ((found > 0.01) & (found < 0.99)).any()


@pytest.mark.parametrize("soft", [False, True])
def test_stacked_masks_are_sampled(soft):
    masks = torch.rand(3, 7, 9, generator=torch.Generator().manual_seed(2))
    masks = masks if soft else masks > 0.5
    target = SegmentTargets.from_masks(torch.zeros(3), masks)
    points = some_points(2)
    found = sample_masks(target, torch.tensor([2, 0]), points)
    wanted = at_points(masks[[2, 0]], points)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_void_is_sampled_and_none_stays_none():
    labels, masks = cases.target(3, 5, (9, 12), seed=0)
    target = cases.as_targets([(labels, masks)])[0]
    points = some_points(2)
    assert sample_valid(target, points) is None
    target.valid = torch.rand(9, 12, generator=torch.Generator().manual_seed(0)) > 0.5
    wanted = at_points(target.valid.expand(2, -1, -1), points)
    torch.testing.assert_close(sample_valid(target, points), wanted)


def test_the_least_certain_are_chosen_and_void_comes_last():
    logits = torch.tensor([[5.0, -0.1, 3.0, -4.0, 0.2]])
    candidates = torch.arange(10.0).view(1, 5, 2)
    chosen = uncertain(logits, candidates, 3)
    assert sorted(chosen[0, :, 0].tolist()) == [2.0, 4.0, 8.0]
    valid = torch.tensor([[1.0, 0.0, 0.0, 0.01, 1.0]])
    chosen = uncertain(logits, candidates, 3, valid)
    assert sorted(chosen[0, :, 0].tolist()) == [0.0, 6.0, 8.0]


def test_reading_order_moves_points_and_changes_none():
    points = torch.rand(2, 50, 2, generator=torch.Generator().manual_seed(0))
    ordered = in_reading_order(points, (6, 4))
    cells = (ordered[..., 1] * 6).long() * 4 + (ordered[..., 0] * 4).long()
    assert (cells.diff(dim=1) >= 0).all()
    for before, after in zip(points.tolist(), ordered.tolist(), strict=True):
        assert sorted(before) == sorted(after)


def test_channels_are_sampled_together():
    maps = torch.randn(1, 4, 6, 7, dtype=torch.float64)
    points = some_points(1)
    wanted = at_points(maps[0], points.expand(4, -1, -1))
    torch.testing.assert_close(sample(maps, points)[0], wanted)
