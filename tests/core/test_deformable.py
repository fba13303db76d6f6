"""Pixel decoder with deformable attention: peers' numbers, first values, errors."""

from __future__ import annotations

import math
import re

import pytest
import torch

from mmseg_maskformer.core.deformable import MSDeformAttnPixelDecoder
from mmseg_maskformer.core.deformable_encoder import (
    DeformableEncoder,
    MSDeformAttention,
    cell_centres,
)
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from tests.weights import randomise

WIDTHS = [16, 24, 32, 48]
SIZES = [(16, 24), (8, 12), (4, 6), (2, 3)]


def decoder(in_channels=WIDTHS, **options):
    """A small one with random weights, offsets of about a cell among them."""
    torch.manual_seed(0)
    settings = dict(embed_dim=64, mask_channels=32, num_layers=2, ffn_dim=48)
    built = randomise(MSDeformAttnPixelDecoder(in_channels, **settings, **options))
    for block in built.encoder.attention:
        layer = block.attention
        torch.nn.init.normal_(layer.sampling_offsets.weight, std=0.1)
        torch.nn.init.normal_(layer.attention_weights.weight, std=0.1)
    return built


def maps(widths=WIDTHS, sizes=SIZES):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, width, *size, generator=generator)
        for width, size in zip(widths, sizes, strict=True)
    ]


def mmdet_peer():
    from tests.mmdet_peer import build_pixel_decoder

    attention = dict(embed_dims=64, num_heads=8, num_levels=3, num_points=4)
    ffn = dict(embed_dims=64, feedforward_channels=48, num_fcs=2, ffn_drop=0.0)
    ffn["act_cfg"] = dict(type="ReLU", inplace=True)
    attention.update(dropout=0.0, batch_first=True)
    return build_pixel_decoder(
        in_channels=WIDTHS,
        feat_channels=64,
        out_channels=32,
        num_outs=3,
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        positional_encoding=dict(num_feats=32, normalize=True),
    )


def transformers_peer():
    peer = pytest.importorskip("transformers.models.mask2former.modeling_mask2former")
    config = peer.Mask2FormerConfig(
        feature_size=64,
        mask_feature_size=32,
        encoder_layers=2,
        encoder_feedforward_dim=48,
        num_attention_heads=8,
        dropout=0.0,
    )
    return peer.Mask2FormerPixelDecoder(config, WIDTHS).eval()


# our names as patterns, and the peer's
MMDET = (
    (r"input_convs\.(\d)\.0", r"input_convs.\1.conv"),
    (r"input_convs\.(\d)\.1", r"input_convs.\1.gn"),
    (r"encoder\.level_embed", r"level_encoding.weight"),
    (r"encoder\.attention\.(\d)\.attention", r"encoder.layers.\1.self_attn"),
    (r"encoder\.attention\.(\d)\.norm", r"encoder.layers.\1.norms.0"),
    (r"encoder\.feed_forward\.(\d)\.layers\.0", r"encoder.layers.\1.ffn.layers.0.0"),
    (r"encoder\.feed_forward\.(\d)\.layers\.3", r"encoder.layers.\1.ffn.layers.1"),
    (r"encoder\.feed_forward\.(\d)\.norm", r"encoder.layers.\1.norms.1"),
    (r"(lateral|output)_convs\.0\.0", r"\1_convs.0.conv"),
    (r"(lateral|output)_convs\.0\.1", r"\1_convs.0.gn"),
    (r"mask_conv", r"mask_feature"),
)
TRANSFORMERS = (
    (r"input_convs", r"input_projections"),
    (r"encoder\.level_embed", r"level_embed"),
    (r"encoder\.attention\.(\d)\.attention", r"encoder.layers.\1.self_attn"),
    (r"encoder\.attention\.(\d)\.norm", r"encoder.layers.\1.self_attn_layer_norm"),
    (r"encoder\.feed_forward\.(\d)\.layers\.0", r"encoder.layers.\1.fc1"),
    (r"encoder\.feed_forward\.(\d)\.layers\.3", r"encoder.layers.\1.fc2"),
    (r"encoder\.feed_forward\.(\d)\.norm", r"encoder.layers.\1.final_layer_norm"),
    (r"lateral_convs\.0", r"adapter_1"),
    (r"output_convs\.0", r"layer_1"),
    (r"mask_conv", r"mask_projection"),
)


def in_names_of(rules, state):
    """The weights under the peer's names."""
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name, found = re.subn(f"^{pattern}", replacement, name)
            if found:
                break
        renamed[name] = value
    return renamed


def outputs_of_mmdet(peer, features):
    mask_features, memories = peer(features)
    return [mask_features, *memories]


def outputs_of_transformers(peer, features):
    found = peer(features)
    return [found.mask_features, *found.multi_scale_features]


@pytest.mark.parametrize(
    ("build", "rules", "outputs"),
    [
        pytest.param(mmdet_peer, MMDET, outputs_of_mmdet, marks=pytest.mark.mmdet),
        (transformers_peer, TRANSFORMERS, outputs_of_transformers),
    ],
    ids=["mmdet", "transformers"],
)
def test_outputs_are_those_of_the_peer(build, rules, outputs):
    ours, peer = decoder(), build()
    peer.load_state_dict(in_names_of(rules, ours.state_dict()))
    features = maps()
    with torch.no_grad():
        found = ours(features)
        wanted = outputs(peer, features)
    for x, y in zip([found.mask_features, *found.memories], wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)


def test_first_offsets_look_around():
    """Head h looks to angle 2 pi h / 8 on a square, point p at p + 1 cells."""
    layer = MSDeformAttention(64, num_heads=8, num_levels=3, num_points=4)
    offsets = layer.sampling_offsets.bias.view(8, 3, 4, 2)
    ways = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]
    wanted = torch.tensor(ways).view(8, 1, 1, 2) * torch.arange(1, 5).view(4, 1)
    torch.testing.assert_close(
        offsets, wanted.expand(8, 3, 4, 2).float(), rtol=0, atol=1e-6
    )
    assert not layer.sampling_offsets.weight.any()
    assert not layer.attention_weights.weight.any()


def test_numbers_of_the_paper():
    """6,035,904 parameters for R50; uniform within sqrt(6 / (in + out)), or 3 / in."""
    built = MSDeformAttnPixelDecoder([256, 512, 1024, 2048])
    assert sum(x.numel() for x in built.parameters()) == 6_035_904
    encoder = built.encoder
    bounds = {
        built.input_convs[0][0].weight: math.sqrt(6 / (2048 + 256)),
        encoder.attention[0].attention.value_proj.weight: math.sqrt(6 / 512),
        encoder.feed_forward[5].layers[0].weight: math.sqrt(6 / (256 + 1024)),
        built.lateral_convs[0][0].weight: math.sqrt(3 / 256),
        built.output_convs[0][0].weight: math.sqrt(3 / (9 * 256)),
        built.mask_conv.weight: math.sqrt(3 / 256),
    }
    for weight, bound in bounds.items():
        assert 0.99 * bound < weight.abs().max() <= bound
    assert encoder.level_embed.std().item() == pytest.approx(1, abs=0.1)
    assert built.memory_channels == (256, 256, 256)


def test_autocast_changes_nothing():
    built, features = decoder(), [x.bfloat16() for x in maps()]
    with torch.no_grad():
        wanted = built(features)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = built(features)
    assert found.mask_features.dtype == torch.float32
    assert torch.equal(found.mask_features, wanted.mask_features)


def test_half_precision_samples_the_right_cells():
    """Without offsets a cell sees itself: 300 of them, 0 and 1 by turns."""
    attention = MSDeformAttention(1, num_heads=1, num_levels=1, num_points=2)
    torch.nn.init.zeros_(attention.sampling_offsets.bias)
    attention.value_proj.weight.data.fill_(1)
    line = torch.arange(300)[None, :, None].bfloat16() % 2
    centres = cell_centres(line[..., None].view(1, 1, 1, 300))
    found = attention.bfloat16()(line, 0 * line, centres, [(1, 300)], None)
    torch.testing.assert_close(found, line, rtol=0, atol=0.01)


@pytest.mark.parametrize("number", [3, 5])
def test_other_numbers_of_maps_use_all_of_them(number):
    widths = [8, *WIDTHS][-number:]
    sizes = [(32, 48), *SIZES][-number:]
    built = decoder(widths)
    found = built(maps(widths, sizes))
    assert found.mask_features.shape[-2:] == sizes[0]
    assert [x.shape[-2:] for x in found.memories] == SIZES[:0:-1]
    (found.mask_features.square().sum() + found.memories[0].sum()).backward()
    unused = [name for name, x in built.named_parameters() if x.grad is None]
    assert unused == []


def test_values_in_padding_are_not_seen():
    torch.manual_seed(0)
    encoder = DeformableEncoder(
        64,
        num_levels=1,
        num_layers=2,
        num_heads=8,
        num_points=4,
        ffn_dim=48,
        dropout=0.0,
    )
    image = torch.randn(1, 64, 6, 8)
    other = image.clone()
    other[..., 4:] = 7.0  # the right half is padding
    valid = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    (first,), (second,) = encoder([image], valid), encoder([other], valid)
    assert torch.equal(first[..., :4], second[..., :4])
    assert not torch.equal(encoder([image])[0][..., :4], encoder([other])[0][..., :4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            dict(in_channels=[8, 16]),
            r"in_channels must .*at least 3 map\(s\), got \[8, 16\]",
        ),
        (dict(in_channels=[8, 16, 0]), r"positive widths .*got \[8, 16, 0\]"),
        (dict(embed_dim=60, num_heads=4), "embed_dim=60 .*num_groups=32"),
        (dict(embed_dim=64, num_heads=7), "embed_dim=64 .*num_heads=7"),
        (dict(num_points=0), "num_points must be positive, got 0"),
    ],
)
def test_settings_that_do_not_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MSDeformAttnPixelDecoder(**{"in_channels": WIDTHS, **options})


def test_other_maps_than_in_channels_says_are_named():
    with pytest.raises(ValueError, match=r"\[24, 32, 48\] channels, but in_channels"):
        decoder()(maps()[1:])


@pytest.mark.parametrize("autocast", [False, True])
def test_the_network_is_one_graph_for_the_compiler(autocast):
    """A break is an error under `fullgraph`; what is traced is what runs."""
    pixels = decoder()
    queries = MaskedTransformerDecoder(
        pixels.memory_channels, 5, num_layers=3, embed_dim=64, num_heads=4, ffn_dim=48
    )
    network = MaskFormer(pixels, queries, num_classes=3)
    torch._dynamo.reset()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found, wanted = compiled(maps()), network(maps())
    torch.testing.assert_close(found.class_logits, wanted.class_logits)
    torch.testing.assert_close(found.mask_logits(-1), wanted.mask_logits(-1))
