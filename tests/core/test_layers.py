"""Softplus, position encoding and dropout against formulas and the peer."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.deformable_encoder import DeformableAttentionBlock
from mmseg_maskformer.core.layers import (
    AttentionBlock,
    FeedForwardBlock,
    sine_position_encoding,
    softplus,
)
from tests import reference
from tests.weights import randomise


def padding(height, width, real_height, real_width):
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[:real_height, :real_width] = False
    return mask


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_softplus_is_right_to_the_rounding_of_one(dtype):
    values = torch.linspace(-100, 100, 4001, dtype=torch.float64)
    edges = torch.tensor([0.0, -0.0, 1e-6, -1e-6, 1e4, -1e4], dtype=torch.float64)
    x = torch.cat([values, edges]).to(dtype)
    p = x.sigmoid()
    wanted = x.double().clamp(min=0) + (-x.double().abs()).exp().log1p()
    eps = torch.finfo(dtype).eps
    found = softplus(x, p, 1 - p).double()
    torch.testing.assert_close(found, wanted, rtol=2 * eps, atol=2 * eps)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (7, 4)])
@pytest.mark.parametrize("channels", [4, 8, 20])
def test_sine_encoding_equals_the_formula(height, width, channels):
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    found = sine_position_encoding(mask, channels)
    wanted = reference.sine_position(height, width, channels // 2)
    torch.testing.assert_close(
        found[0].double(), wanted.flatten(1).T, rtol=0, atol=2e-6
    )


def test_padded_cells_are_not_counted():
    masks = [padding(5, 6, 3, 4), padding(5, 6, 5, 2)]
    found = sine_position_encoding(torch.stack(masks), 12)
    for row, mask in zip(found, masks, strict=True):
        wanted = reference.sine_position(5, 6, 6, mask).flatten(1).T
        # a line of padding alone divides 0 by 1e-6: zero angle on both sides
        torch.testing.assert_close(row.double(), wanted, rtol=0, atol=2e-6)
        inside = reference.sine_position(5, 6, 6).flatten(1).T
        assert (row - inside)[~mask.flatten()].abs().max() > 1e-3


def test_sine_encoding_in_closed_form():
    # one cell, 4 channels: angle 2 pi (1 / (1 + 1e-6)): sin 0, cos 1 for both axes
    found = sine_position_encoding(torch.zeros(1, 1, 1, dtype=torch.bool), 4)
    wanted = torch.tensor([[[0.0, 1.0, 0.0, 1.0]]])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.mmdet
def test_sine_encoding_equals_that_of_mmdet():
    pytest.importorskip("mmdet")
    from mmdet.models.layers import SinePositionalEncoding

    mask = torch.stack([padding(7, 9, 7, 9), padding(7, 9, 5, 6)])
    wanted = SinePositionalEncoding(num_feats=16, normalize=True)(mask)
    found = sine_position_encoding(mask, 32)
    torch.testing.assert_close(
        found, wanted.flatten(2).transpose(1, 2), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("kind", ["attention", "deformable", "feed-forward"])
def test_the_residual_branch_is_dropped_as_a_whole(kind):
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    if kind == "attention":
        block, given = AttentionBlock(8, 2, dropout=0.0), [x] * 4
        branch = block.dropout
    elif kind == "deformable":
        block = DeformableAttentionBlock(8, 2, num_levels=1, num_points=1, dropout=0.0)
        given, branch = [x, x, torch.full((3, 2), 0.5), [(1, 3)], None], block.dropout
    else:
        block, given = FeedForwardBlock(8, 16, dropout=0.0), [x]
        branch = block.layers[-1]
    branch.p = 1.0
    randomise(block).train()
    assert torch.equal(block(*given), block.norm(x))
    assert (block.eval()(*given) - block.norm(x)).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["attention", "masked attention", "feed-forward"])
def test_what_is_inside_of_the_branch_is_dropped_too(kind):
    """All of it, so that only the bias of the last layer is left."""
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    if kind == "feed-forward":
        block, given = FeedForwardBlock(8, 16, dropout=1.0), [x]
        branch, last = block.layers[4], block.layers[3]
    else:
        blocked = torch.zeros(2, 3, 3, dtype=torch.bool)
        block = AttentionBlock(8, 2, dropout=1.0)
        given = [x, x, x, x, blocked if kind == "masked attention" else None]
        branch, last = block.dropout, block.attention.out_proj
    branch.p = 0.0
    randomise(block).train()
    torch.testing.assert_close(block(*given), block.norm(x + last.bias))
