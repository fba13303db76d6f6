"""SMCA and mask pooling against slow references (Mask2Former's Table 4c)."""

from __future__ import annotations

import math

import pytest
import torch

from mmseg_maskformer.core.layers import AttentionBlock
from mmseg_maskformer.core.query_attention import (
    FIRST_WIDTH,
    GaussianView,
    Level,
    MaskPooling,
    joined,
    log_gaussian,
)
from tests import reference_ablations as reference
from tests.weights import randomise

QUERIES, WIDTH, HEADS, GRID = 2, 8, 2, (2, 3)
CELLS = GRID[0] * GRID[1]


def tensors(*shapes, seed=1):
    generator = torch.Generator().manual_seed(seed)
    options = dict(generator=generator, dtype=torch.float64, requires_grad=True)
    return [torch.randn(*shape, **options) for shape in shapes]


def built(kind, *arguments):
    """In float64, no parameter at 0 or 1."""
    torch.manual_seed(0)
    return randomise(kind(*arguments)).double()


def level(memory, memory_pos, padding=None, grids=(GRID,)):
    return Level(memory, memory_pos, None, padding, grids)


def assert_same(found, wanted, inputs):
    """Values and gradients of a weighted sum."""
    torch.testing.assert_close(found, wanted)
    (weight,) = tensors(found.shape, seed=2)
    gradients = [
        torch.autograd.grad((x * weight).sum(), inputs, allow_unused=True)
        for x in (found, wanted)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs)


def by_query(function, *shapes):
    """One image and one query at a time."""
    images, queries = shapes
    rows = [
        torch.stack([function(b, q) for q in range(queries)]) for b in range(images)
    ]
    return torch.stack(rows)


def test_smca_is_attention_times_a_gaussian_for_each_head():
    view = built(GaussianView, WIDTH, HEADS)
    block = built(AttentionBlock, WIDTH, HEADS, 0.0)
    x, x_pos, memory, memory_pos = tensors(
        (2, QUERIES, WIDTH), (1, QUERIES, WIDTH), (2, CELLS, WIDTH), (1, CELLS, WIDTH)
    )
    padding = torch.zeros(2, CELLS, dtype=torch.bool)
    padding[1, -2:] = True
    bias = view(x, x_pos, level(memory, memory_pos, padding), lambda: None)
    found = block(x, x_pos, memory, memory_pos, bias)

    def slow(b, q):
        names = dict(view.named_parameters())
        factors = reference.gaussians(names, x[b, q] + x_pos[0, q], GRID, HEADS)
        kept = [
            [f * (not hidden) for f, hidden in zip(row, padding[b], strict=True)]
            for row in factors
        ]
        names = dict(block.named_parameters())
        return reference.attend(
            names, x[b, q], x_pos[0, q], memory[b], memory_pos[0], kept
        )

    inputs = (x, x_pos, memory, memory_pos, *view.parameters(), *block.parameters())
    assert_same(found, by_query(slow, 2, QUERIES), inputs)


def test_a_gaussian_in_numbers():
    """Of widths 1/4 and 1/2, two cells across and one down from its centre."""
    centre, scale = torch.tensor([0.125, 0.25]), torch.tensor([4.0, 2.0])
    found = log_gaussian(centre, scale, (2, 4)).view(2, 4)
    assert found[0, 0] == 0
    # ((0.625 - 0.125) / 0.25)^2 / 2 = 2, ((0.75 - 0.25) / 0.5)^2 / 2 = 0.5
    assert found[0, 2] == -2.0
    assert found[1, 2] == -2.5


def test_before_training_a_gaussian_is_a_twelfth_of_the_image_wide():
    torch.manual_seed(0)
    view = GaussianView(WIDTH, HEADS)
    torch.nn.init.zeros_(view.offset.weight)
    x = torch.randn(1, QUERIES, WIDTH)
    given = level(x, x, grids=((120, 120),))
    values = view(x, 0 * x, given, lambda: None).exp().view(HEADS, QUERIES, 120, 120)
    assert FIRST_WIDTH == 1 / 12
    # cells under a round Gaussian: 2 pi times the square of its width of ten cells
    torch.testing.assert_close(
        values.sum((-1, -2)),
        torch.full((HEADS, QUERIES), 2 * math.pi * 100),
        rtol=3e-3,  # the best cell is a fraction of a cell away from the centre
        atol=0,
    )


def test_cells_of_joined_memories_are_those_of_each():
    view = built(GaussianView, WIDTH, HEADS)
    grids = ((1, 2), (2, 3))
    x, x_pos, *memories = tensors(
        *[(2, QUERIES, WIDTH), (1, QUERIES, WIDTH), (2, 2, WIDTH), (2, 6, WIDTH)]
    )
    levels = [
        level(memory, memory, torch.arange(n).expand(2, n) == n - 1, (grid,))
        for memory, n, grid in zip(memories, (2, 6), grids, strict=True)
    ]
    both = joined(levels)
    assert both.grids == grids
    assert torch.equal(both.tokens, torch.cat(memories, 1))
    found = view(x, x_pos, both, lambda: None)
    hidden = both.padding[:, None, None].expand_as(found)
    assert (found[hidden] == float("-inf")).all()
    assert (found.amax(-1) == 0).all()
    for one, part in zip(levels, found.split([2, 6], -1), strict=True):
        own = view(x, x_pos, one, lambda: None)
        seen = ~one.padding[:, None, None].expand_as(own)
        shift = (own - part)[seen].view(2, HEADS, QUERIES, -1)
        torch.testing.assert_close(shift, shift[..., :1].expand_as(shift))


@pytest.mark.parametrize("kind", ["mask", "padding", "everything"])
def test_mask_pooling_is_the_mean_of_what_is_seen(kind):
    block = built(MaskPooling, WIDTH, HEADS, 0.0)
    x, memory = tensors((2, QUERIES, WIDTH), (2, CELLS, WIDTH))
    generator = torch.Generator().manual_seed(3)
    blocked = torch.rand(2, QUERIES, CELLS, generator=generator) < 0.6
    blocked[..., 1] = False
    if kind == "padding":
        blocked = blocked[:, :1].expand_as(blocked)
    elif kind == "everything":
        blocked = torch.zeros_like(blocked)
    given = {"mask": blocked, "padding": blocked[:, 0], "everything": None}[kind]
    found = block(x, x, memory, memory, given)

    def slow(b, q):
        names = dict(block.named_parameters())
        return reference.pool(names, x[b, q], memory[b], (~blocked[b, q]).tolist())

    assert_same(found, by_query(slow, 2, QUERIES), (x, memory, *block.parameters()))


def test_mask_pooling_sums_in_float32_under_autocast():
    """70,000 cells of one are 70,000, which float16 cannot say."""
    block = MaskPooling(4, 1, dropout=0.0).eval()
    block.linear, block.norm = torch.nn.Identity(), torch.nn.Identity()
    x, memory = torch.zeros(1, 2, 4), torch.ones(1, 70_000, 4, dtype=torch.float16)
    hidden = torch.zeros(1, 2, 70_000, dtype=torch.bool)
    with torch.autocast("cpu", torch.float16):
        pooled = block(x, x, memory, memory, hidden)
    assert pooled.tolist() == [[[1.0] * 4] * 2]


def test_a_centre_far_away_is_seen_alike_in_float16():
    view = GaussianView(WIDTH, HEADS).eval()
    torch.nn.init.constant_(view.offset.bias, 100.0)
    torch.nn.init.constant_(view.scale.bias, 100.0)
    block = AttentionBlock(WIDTH, HEADS, dropout=0.0).eval()
    x, memory = torch.randn(1, QUERIES, WIDTH), torch.randn(1, CELLS, WIDTH)
    found = []
    for half in (False, True):
        with torch.autocast("cpu", torch.float16, enabled=half), torch.no_grad():
            bias = view(x, x, level(memory, memory), lambda: None)
            found.append(block(x, x, memory, memory, bias).float())
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0.02)
