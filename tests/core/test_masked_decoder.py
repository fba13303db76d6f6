"""Masked attention: what is hidden from a query, and what a decoder makes of it."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_maskformer.core.layers import AttentionBlock
from mmseg_maskformer.core.resize import resize
from tests.helpers.initial_weights import assert_uniform
from tests.helpers.masked_decoder import (
    HEADS,
    QUERIES,
    WIDTH,
    mask_head,
    pixel_features,
    random_decoder,
    untrained_decoder,
)
from tests.weights import randomise


def five_steps(mask_embed, mask_features, size):
    """The mask (B, Q, h * w) of one head by section 1.4 of the authors' order."""
    logits = torch.einsum("bqc,bchw->bqhw", mask_embed, mask_features)
    small = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    blocked = (small.sigmoid() < 0.5).flatten(2)
    copies = blocked[:, None].repeat(1, HEADS, 1, 1).flatten(0, 1)
    copies[torch.where(copies.sum(-1) == copies.shape[-1])] = False
    first, *others = copies.view(2, HEADS, *blocked.shape[1:]).unbind(1)
    assert all(torch.equal(first, other) for other in others)
    return first


@pytest.mark.parametrize("size", [(2, 3), (8, 12), (5, 7), (3, 24), (31, 50)])
def test_the_mask_is_that_of_the_resized_logits(size):
    features = pixel_features(dtype=torch.float64).mask_features
    mask_embed = torch.randn(2, 50, 8, dtype=torch.float64)
    small = resize(features, size).flatten(2)
    found = random_decoder().attention_mask(mask_embed, small, None)
    assert torch.equal(found, five_steps(mask_embed, features, size))
    assert 0.4 < found.double().mean() < 0.6


def test_a_query_without_a_cell_of_its_own_sees_everything_but_padding():
    features = torch.tensor([[[1.0, 1.0, 1.0, 1.0, -1.0, -1.0]]])
    mask_embed = torch.tensor([[[-1.0], [1.0], [0.0]]])
    attention_mask = random_decoder().attention_mask
    found = attention_mask(mask_embed, features, None)
    everything, right = [0] * 6, [0, 0, 0, 0, 1, 1]
    assert found.int().tolist() == [[[1, 1, 1, 1, 0, 0], right, everything]]
    assert not attention_mask(mask_embed, features.abs(), None).any()
    # the two cells that the first query has are in padding
    padding = torch.tensor([right]).bool()
    assert attention_mask(mask_embed, features, padding).int().tolist() == [[right] * 3]
    assert attention_mask(mask_embed, -features, padding).int().tolist() == [
        [right] * 3
    ]


def test_a_logit_of_zero_is_seen_and_half_precision_does_not_move_it():
    features = torch.tensor([[[1.0, -1.0, 1e-4, -1e-4, 0.0]]])
    mask_embed = torch.ones(1, 1, 1)
    attention_mask = random_decoder().attention_mask
    with torch.autocast("cpu", torch.bfloat16):  # sigmoid(-1e-4) is 0.5 there
        found = attention_mask(mask_embed, features, None)
    assert found.tolist() == [[[False, True, False, True, False]]]
    # all numbers are 256 in half precision, and their differences 0
    features = torch.tensor([[[255.9, 256.1], [256.0, 256.0]]])
    with torch.autocast("cpu", torch.bfloat16):
        found = attention_mask(torch.tensor([[[1.0, -1.0]]]), features, None)
    assert found.tolist() == [[[True, False]]]


@torch.no_grad()
@pytest.mark.parametrize("attention", ["masked", "plain"])
def test_plain_cross_attention_does_not_look_at_masks(attention):
    model = random_decoder(attention=attention).eval()
    given, head = pixel_features(), mask_head()
    before = model(given, head)
    after = model(given._replace(mask_features=-given.mask_features), head)
    change = (before - after).abs().amax((1, 2, 3))
    assert change[0] == 0  # nothing has been attended to yet
    assert (change[1:] > 1e-3).all() if attention == "masked" else (change == 0).all()


def test_masked_attention_equals_copies_of_the_mask_for_every_head():
    torch.manual_seed(0)
    block = randomise(AttentionBlock(WIDTH, HEADS, dropout=0.0))
    generator = torch.Generator().manual_seed(1)
    x, x_pos, memory, memory_pos = (
        torch.randn(2, n, WIDTH, generator=generator, requires_grad=True)
        for n in (QUERIES, QUERIES, 9, 9)
    )
    blocked = torch.rand(2, QUERIES, 9, generator=generator) < 0.6
    blocked[..., 0] = False
    attended, _ = block.attention(
        x + x_pos,
        memory + memory_pos,
        memory,
        attn_mask=blocked.repeat_interleave(HEADS, 0),
    )
    expected = block.norm(x + attended)
    found = block(x, x_pos, memory, memory_pos, blocked)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    inputs = (x, memory, block.attention.in_proj_weight, block.attention.in_proj_bias)
    wanted = torch.autograd.grad(expected.square().sum(), inputs)
    for ours, theirs in zip(
        torch.autograd.grad(found.square().sum(), inputs), wanted, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_dropout_of_masked_attention_is_of_training_alone():
    torch.manual_seed(0)
    block = AttentionBlock(WIDTH, HEADS, dropout=0.5)
    x, memory = torch.randn(1, QUERIES, WIDTH), torch.randn(1, 9, WIDTH)
    blocked = torch.zeros(1, QUERIES, 9, dtype=torch.bool)
    once, again = block(x, x, memory, memory, blocked), block(x, x, memory, memory)
    assert not torch.equal(once, again)
    block.eval()
    once, again = block(x, x, memory, memory, blocked), block(x, x, memory, memory)
    torch.testing.assert_close(once, again, rtol=1e-5, atol=1e-6)


def test_memories_are_read_in_turn_each_inside_the_mask_from_before():
    model, head, given = random_decoder(), mask_head(), pixel_features()
    seen = []

    def record(*inputs):
        seen.append((inputs, type(model).attention_mask(model, *inputs)))
        return seen[-1][1]

    model.attention_mask = record
    outputs = model(given, head)
    assert outputs.shape == (5, 2, QUERIES, WIDTH)
    first = model.norm(model.query_content.weight)
    torch.testing.assert_close(outputs[0], first.expand(2, -1, -1))
    assert [x[0][1].shape[-1] for x in seen] == [6, 24, 96, 6]
    for layer, ((mask_embed, _, _), blocked) in enumerate(seen):
        torch.testing.assert_close(mask_embed, head(outputs[layer]))
        size = given.memories[layer % 3].shape[-2:]
        assert torch.equal(blocked, five_steps(mask_embed, given.mask_features, size))


def test_a_cell_outside_its_mask_says_nothing_to_a_query():
    model, given = random_decoder(num_layers=1), pixel_features()
    with torch.no_grad():
        model.attention_mask = lambda *_: torch.arange(6).expand(2, QUERIES, 6) >= 3
        before = model(given, mask_head())
        given.memories[0][..., 1, :] += 1.0  # cells 3, 4 and 5
        assert torch.equal(model(given, mask_head()), before)
        given.memories[0][..., 0, 0] += 1.0
        assert (model(given, mask_head())[1] - before[1]).abs().amax(-1).min() > 1e-3


def test_the_embedding_of_a_level_is_in_its_values_and_the_position_is_not():
    """Without a mask, and with equal cells, keys do not matter: all values are one."""
    model, given = random_decoder(num_layers=1), pixel_features()
    cells = torch.randn(2, WIDTH, 1, 1, generator=torch.Generator().manual_seed(3))
    given.memories[0].copy_(cells.expand_as(given.memories[0]))
    layer, content = model.layers[0], model.query_content.weight
    position = model.query_embed.weight[None]
    with torch.no_grad():
        model.attention_mask = lambda *_: torch.zeros(2, QUERIES, 6, dtype=torch.bool)
        attention = layer.cross_attention.attention
        value = cells.flatten(1) + model.level_embed.weight[0]
        projected = F.linear(
            value,
            attention.in_proj_weight[2 * WIDTH :],
            attention.in_proj_bias[2 * WIDTH :],
        )
        wanted = content + attention.out_proj(projected)[:, None]
        wanted = layer.cross_attention.norm(wanted)
        wanted = layer.self_attention(wanted, position, wanted, position)
        wanted = model.norm(layer.feed_forward(wanted))
        torch.testing.assert_close(
            model(given, mask_head())[1], wanted, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("widths", [(WIDTH,), (48, WIDTH), (8, 16, 32, 48)])
def test_any_number_of_memories_of_any_width(widths):
    sizes = [(2, 3), (4, 6), (5, 7), (8, 12)][: len(widths)]
    model = random_decoder(widths, num_layers=3)
    read = widths[:3]
    kinds = [type(x) for x in model.memory_projections]
    assert kinds == [nn.Identity if x == WIDTH else nn.Conv2d for x in read]
    outputs = model(pixel_features(sizes, widths), mask_head())
    outputs.square().sum().backward()
    assert all(x.grad is not None for x in model.parameters())


def test_initial_weights_are_those_of_the_specification():
    model = untrained_decoder((48, WIDTH))
    attention = model.layers[0].cross_attention.attention
    assert_uniform(attention.out_proj.weight, math.sqrt(6 / (WIDTH + WIDTH)))
    linear = model.layers[3].feed_forward.layers[0]
    assert_uniform(linear.weight, math.sqrt(6 / (WIDTH + 64)))
    projection = model.memory_projections[0]
    assert_uniform(projection.weight, math.sqrt(3 / 48))
    assert projection.bias.abs().max() == 0
    for table in (model.query_content, model.query_embed, model.level_embed):
        assert table.weight.std().item() == pytest.approx(1.0, abs=0.15)


def test_in_half_precision_the_mask_head_still_gets_its_gradient():
    model, head, given = random_decoder(), mask_head(), pixel_features()
    given = given._replace(mask_features=given.mask_features.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        embed = head(model(given, head))
    embed.float().square().sum().backward()
    assert head.weight.grad.abs().max() > 0
    plain = deepcopy(head)
    plain.zero_grad()
    plain(model(pixel_features(), plain)).square().sum().backward()
    ratio = head.weight.grad.norm() / plain.weight.grad.norm()
    assert ratio == pytest.approx(1.0, abs=0.05)
