"""Attention of queries: the weights of the model, and shares by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.layers import AttentionBlock
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.structures import PixelFeatures
from query_lib.analysis import QueryError
from query_lib.attention import (
    LayerAttention,
    attention_maps,
    attention_shares,
    attention_weights,
    covered_cells,
    input_target,
    recorded,
)

SMALL = dict(num_queries=5, embed_dim=16, num_heads=2, ffn_dim=8)
SIZES = [(2, 3), (4, 6)]


def draw(*shape):
    return torch.randn(*shape)


@pytest.fixture
def pixels():
    torch.manual_seed(0)
    memories = tuple(draw(2, 16, *size) for size in SIZES)
    return PixelFeatures(draw(2, 8, 8, 12), memories)


def decoder(**kwargs):
    torch.manual_seed(1)
    made = MaskedTransformerDecoder([16, 16], num_layers=3, **SMALL, **kwargs)
    return made.eval()


BLOCKED = {
    "nothing": None,
    "padding": torch.arange(7).expand(2, 7) > 4,
    "masks": (torch.arange(2 * 3 * 7) % 3 == 0).view(2, 3, 7),
    "bias": torch.linspace(-3, 0, 2 * 4 * 3 * 7).view(2, 4, 3, 7),
}


@pytest.mark.parametrize("kind", BLOCKED)
def test_weights_are_those_that_the_block_applies(kind):
    """Values weighted by them, projected, are what the block adds to its input."""
    torch.manual_seed(0)
    block = AttentionBlock(16, 4, dropout=0.0).eval()
    inputs = (draw(2, 3, 16), draw(1, 3, 16), draw(2, 7, 16), draw(1, 7, 16))
    weights = attention_weights(block, *inputs, BLOCKED[kind])
    assert weights.sum(dim=-1).numpy() == pytest.approx(1, abs=1e-6)
    module = block.attention
    value = module.in_proj_weight[32:] @ inputs[2].mT + module.in_proj_bias[32:, None]
    heads = value.view(2, 4, 4, 7)  # (B, heads, channels, m)
    mixed = torch.einsum("bhnm,bhcm->bnhc", weights, heads).flatten(2)
    expected = block.norm(inputs[0] + module.out_proj(mixed))
    torch.testing.assert_close(block(*inputs, BLOCKED[kind]), expected)


def test_masked_attention_has_no_weight_outside_of_masks(pixels):
    model, hidden = decoder(), []
    for layer in model.layers:
        layer.cross_attention.register_forward_pre_hook(
            lambda block, inputs: hidden.append(inputs[4])
        )
    head = torch.nn.Linear(16, 8)
    with recorded(model) as found:
        without = model(pixels, head)
    assert torch.equal(without, model(pixels, head))  # hooks are gone, nothing changed
    assert len(found) == 3
    assert [x.grids for x in found] == [(SIZES[0],), (SIZES[1],), (SIZES[0],)]
    for layer, blocked in zip(found, hidden, strict=False):
        assert (layer.weights[blocked] == 0).all()
        assert (layer.weights[~blocked] > 0).all()
        assert 0 < blocked.float().mean() < 1
        assert layer.weights.sum(dim=-1).detach().numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "grids"),
    [
        (lambda: decoder(joined_levels=True), [tuple(SIZES)] * 3),
        (lambda: decoder(levels=[1], attention="plain"), [(SIZES[1],)] * 3),
        (lambda: TransformerDecoder([16], num_layers=2, **SMALL), [(SIZES[0],)] * 2),
    ],
)
def test_grids_are_those_of_the_memories_that_are_read(pixels, make, grids):
    model = make().eval()
    with recorded(model) as found:
        model(pixels, torch.nn.Linear(16, 8))
    assert [x.grids for x in found] == grids
    for layer in found:
        assert layer.weights.shape[2] == sum(h * w for h, w in layer.grids)


def test_pooling_has_no_attention():
    with (
        pytest.raises(QueryError, match="by MaskPooling, without attention"),
        recorded(decoder(attention="pooling")),
    ):
        pass


def test_share_counts_cells_as_far_as_they_are_covered():
    """Of 2 x 2 cells the mask covers the first and half of the second.

    Query 1 has weights 0.4, 0.3, 0.2, 0.1: 0.4 + 0.3 / 2.
    """
    mask = torch.zeros(1, 4, 8, dtype=torch.bool)
    mask[0, :2, :6] = True
    assert covered_cells(mask, ((2, 2),)).tolist() == [[1, 0.5, 0, 0]]
    weights = torch.tensor([[[1.0, 0, 0, 0], [0.4, 0.3, 0.2, 0.1]]])
    whole = torch.tensor([[[0.0], [1.0]]])  # a memory of one cell, covered by 3 / 8
    layers = [LayerAttention(weights, ((2, 2),)), LayerAttention(whole, ((1, 1),))]
    shares = attention_shares(layers, 0, torch.tensor([1]), mask)
    assert shares.flatten().tolist() == pytest.approx([0.55, 0.375])
    (maps,) = attention_maps(layers[0], torch.tensor([1]))
    assert maps.tolist() == [[pytest.approx([0.4, 0.3]), pytest.approx([0.2, 0.1])]]


def test_segments_lie_in_the_input_as_the_image_does():
    """A label map of 2 x 4 for an image of 4 x 8 in an input of 6 x 8."""
    labels = torch.tensor([[0, 0, 2, 255], [0, 0, 2, 2]])
    sample = dict(gt_sem_seg=SimpleNamespace(data=labels[None]))
    head = SimpleNamespace(num_classes=3, ignore_index=255)
    model = SimpleNamespace(decode_head=head)
    target = input_target(model, Sample(sample), (4, 8), (6, 8))
    assert target.labels.tolist() == [0, 2]
    masks = target.masks(torch.arange(2))
    assert masks.shape == (2, 6, 8)
    assert masks.sum(dim=(1, 2)).tolist() == [16, 12]
    assert masks[0, :4, :4].all()


class Sample(dict):
    __getattr__ = dict.__getitem__
