"""The order of the decoder, with and without attention among queries (Table VIII)."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.layers import grid_position
from mmseg_maskformer.core.structures import PixelFeatures
from tests.weights import randomise

QUERIES, LAYERS = 6, 3


def decoder(self_attention):
    torch.manual_seed(0)
    return TransformerDecoder(
        memory_channels=(32,),
        num_queries=QUERIES,
        num_layers=LAYERS,
        embed_dim=32,
        num_heads=4,
        ffn_dim=64,
        self_attention=self_attention,
    ).eval()


def decode(model, memory):
    """The contents that a decoder makes of one memory, which alone it looks at."""
    return model(PixelFeatures(memory, (memory,)), torch.nn.Identity())


@pytest.mark.parametrize("self_attention", [False, True])
def test_queries_know_of_each_other_by_self_attention_alone(self_attention):
    model = decoder(self_attention)
    memory = torch.randn(2, 32, 4, 5, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = decode(model, memory)
        model.query_embed.weight[2] += 1.0
        change = (decode(model, memory) - before).abs().amax((1, 3))  # (L, Q)
    assert (change[:, 2] > 0.1).all()
    others = change[:, [0, 1, 3, 4, 5]]
    # content is zero before the first layer: there is nothing to hear of yet
    assert others[0].max() < 1e-6
    if self_attention:
        assert (others[1:] > 1e-4).all()
    else:
        assert others.max() < 1e-6


def test_without_it_one_query_alone_says_the_same():
    model = decoder(self_attention=False)
    memory = torch.randn(1, 32, 4, 5, generator=torch.Generator().manual_seed(1))
    alone = decoder(self_attention=False)
    alone.query_embed = torch.nn.Embedding(1, 32)
    alone.query_embed.weight.data = model.query_embed.weight.data[3:4].clone()
    with torch.no_grad():
        together, single = decode(model, memory), decode(alone, memory)
    torch.testing.assert_close(together[:, :, 3:4], single, rtol=1e-5, atol=1e-5)


def test_dropping_it_drops_its_parameters():
    counts = [sum(x.numel() for x in decoder(x).parameters()) for x in (False, True)]
    # per layer four projections of 32 x 32 with biases, and a norm
    assert counts[1] - counts[0] == LAYERS * (4 * (32 * 32 + 32) + 2 * 32)


def test_the_last_norm_is_of_outputs_and_not_of_what_the_next_layer_gets():
    model = randomise(decoder(self_attention=True))
    memory = torch.randn(2, 32, 4, 5, generator=torch.Generator().manual_seed(1))
    tokens, query_pos = memory.flatten(2).mT, model.query_embed.weight[None]
    position, _ = grid_position(memory, None, 32)
    content, wanted = torch.zeros(2, QUERIES, 32), []
    with torch.no_grad():
        for layer in model.layers:
            content = layer(content, query_pos, tokens, position, None)
            wanted.append(model.norm(content))
        torch.testing.assert_close(decode(model, memory), torch.stack(wanted))
