"""What attention keeps for backward, and that dropout is the same when run again."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core import deformable_encoder
from mmseg_maskformer.core.deformable_encoder import DeformableAttentionBlock
from mmseg_maskformer.core.layers import AttentionBlock


def kept_elements(function, *inputs):
    """Elements that autograd keeps beside the inputs and the parameters."""
    kept = {}

    def pack(x):
        storage = x.untyped_storage()
        kept[storage.data_ptr()] = storage  # held, so that no address comes again
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        function(*inputs)
    given = {x.untyped_storage().data_ptr() for x in (*inputs, *function.parameters())}
    return sum(s.nbytes() // 4 for at, s in kept.items() if at not in given)


def deformable(dropout=0.0):
    """A block of width 8, two heads, one level of 6 cells, one point, and its input."""
    torch.manual_seed(0)
    block = DeformableAttentionBlock(8, 2, num_levels=1, num_points=1, dropout=dropout)
    x, position = (torch.randn(1, 6, 8, requires_grad=True) for _ in range(2))
    return block, (x, position, torch.rand(6, 2), [(2, 3)])


def test_a_deformable_block_keeps_no_sum():
    """Values and samples of 6 * 8 each, places 6 * 2 * 2, weights 6 * 2: 132.

    The size 4 * 2 that offsets are divided by is kept too; not content plus position,
    and not the input of the norm, 48 each.
    """
    block, (x, position, reference, shapes) = deformable()
    run = torch.nn.Module()
    run.block = block
    run.forward = lambda x, position: block(x, position, reference, shapes, None)
    found = kept_elements(run, x, position)
    assert 132 <= found <= 132 + 8


def test_masked_attention_keeps_no_sum_of_memory_and_position():
    """Of a memory of 1000 cells keys and values alone, 1000 * 8 each."""
    block = AttentionBlock(8, 2, dropout=0.0)
    x, x_pos = torch.randn(1, 3, 8, requires_grad=True), torch.randn(1, 3, 8)
    memory = torch.randn(1, 1000, 8, requires_grad=True)
    blocked = torch.zeros(1, 3, 1000, dtype=torch.bool)
    found = kept_elements(block, x, x_pos, memory, torch.randn(1, 1000, 8), blocked)
    # and the mask and so on, less than a third of that size
    assert 16_000 <= found < 24_000


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradients_are_those_without_running_again(monkeypatch, dropout):
    block, (x, position, reference, shapes) = deformable(dropout)
    leaves = [x, position, *block.parameters()]

    def gradients():
        torch.manual_seed(1)
        return torch.autograd.grad(
            block(x, position, reference, shapes, None).square().sum(), leaves
        )

    found = gradients()
    direct = lambda function, *inputs, draws_numbers=False: function(*inputs)  # noqa: E731
    monkeypatch.setattr(deformable_encoder, "recomputed", direct)
    for value, wanted in zip(found, gradients(), strict=True):
        torch.testing.assert_close(value, wanted, rtol=0, atol=0)
