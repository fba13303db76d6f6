"""The network: equal to the peer's with the same weights, initialised as specified."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.pixel_decoders import FPNPixelDecoder, TransformerEncoder
from tests.helpers.initial_weights import assert_uniform
from tests.weights import randomise

WIDTH = 32
CHANNELS = [WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
CLASSES, QUERIES = 5, 9

# our prefix -> the peer's
PARTS = {
    "pixel_decoder.coarse_conv.0": "pixel_decoder.last_feat_conv.conv",
    "pixel_decoder.coarse_conv.1": "pixel_decoder.last_feat_conv.gn",
    "pixel_decoder.mask_conv": "pixel_decoder.mask_feature",
    "transformer_decoder.query_embed": "query_embed",
    "transformer_decoder.memory_projection": "decoder_input_proj",
    "transformer_decoder.norm": "transformer_decoder.post_norm",
    "class_head": "cls_embed",
    "mask_head": "mask_embed",
}
for level in range(3):
    for kind in ("lateral", "output"):
        ours = f"pixel_decoder.{kind}_convs.{level}"
        PARTS[f"{ours}.0"] = f"{ours}.conv"
        PARTS[f"{ours}.1"] = f"{ours}.gn"
for layer in range(2):
    name = f"transformer_decoder.layers.{layer}"
    for index, part in enumerate(("self_attention", "cross_attention")):
        theirs = ("self_attn", "cross_attn")[index]
        PARTS[f"{name}.{part}.attention"] = f"{name}.{theirs}.attn"
        PARTS[f"{name}.{part}.norm"] = f"{name}.norms.{index}"
    PARTS[f"{name}.feed_forward.layers.0"] = f"{name}.ffn.layers.0.0"
    PARTS[f"{name}.feed_forward.layers.3"] = f"{name}.ffn.layers.1"
    PARTS[f"{name}.feed_forward.norm"] = f"{name}.norms.2"


def build(dropout=0.0, with_boxes=False):
    return MaskFormer(
        FPNPixelDecoder(CHANNELS, WIDTH, WIDTH, num_groups=WIDTH // 8),
        TransformerDecoder([8 * WIDTH], QUERIES, 2, WIDTH, 8, 2 * WIDTH, dropout),
        CLASSES,
        with_boxes,
    )


def peer_with_weights(model):
    """The peer's head that holds the weights of `model`, every one of them."""
    from tests import peers

    head = peers.build_head(CLASSES, QUERIES, WIDTH)
    prefixes = sorted(PARTS, key=len, reverse=True)
    state = {}
    for name, value in model.state_dict().items():
        prefix = next(x for x in prefixes if name.startswith(x + "."))
        state[PARTS[prefix] + name[len(prefix) :]] = value
    result = head.load_state_dict(state, strict=False)
    assert not result.missing_keys
    assert not result.unexpected_keys
    return head


def backbone_maps(size, images=2):
    generator = torch.Generator().manual_seed(0)
    maps, (height, width) = [], size
    for stride, channels in zip((4, 8, 16, 32), CHANNELS, strict=True):
        grid = (-(-height // stride), -(-width // stride))
        x = torch.randn(images, channels, *grid, generator=generator)
        maps.append(x.requires_grad_())
    return maps


@pytest.mark.mmdet
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("size", [(64, 96), (75, 50)])
def test_outputs_and_gradients_equal_those_of_mmseg(size, padded):
    pytest.importorskip("mmdet")
    from mmseg.structures import SegDataSample

    torch.manual_seed(0)
    model = randomise(build()).train()
    head = peer_with_weights(model)
    maps = backbone_maps(size)
    shapes = [size, (size[0] - 25, size[1] - 33) if padded else size]
    samples = [
        SegDataSample(metainfo=dict(img_shape=shape, batch_input_shape=size))
        for shape in shapes
    ]
    valid = torch.tensor(shapes, dtype=torch.float64) / torch.tensor(size)
    assert bool((valid < 1).any()) == padded

    found = model(maps, valid if padded else None)
    class_logits, mask_logits = head(maps, samples)
    torch.testing.assert_close(found.class_logits, class_logits, rtol=1e-4, atol=1e-5)
    for layer in range(2):
        ours = found.mask_logits(layer)
        torch.testing.assert_close(ours, mask_logits[layer], rtol=1e-4, atol=1e-5)

    ours = found.class_logits.square().sum() + found.mask_logits(0).sin().sum()
    theirs = class_logits.square().sum() + mask_logits[0].sin().sum()
    ours, theirs = (torch.autograd.grad(x, maps) for x in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() < 1e-5 * b.abs().max()


def test_padding_changes_what_is_masked_and_nothing_else():
    torch.manual_seed(0)
    model = build().eval()
    maps = [x.detach() for x in backbone_maps((64, 96))]
    valid = torch.tensor([[1, 1], [1, 2 / 3]], dtype=torch.float64)
    plain, masked = model(maps), model(maps, valid)
    changed = [x.clone() for x in maps]
    changed[-1][1, :, :, 2] += 3.0
    again = model(changed, valid)
    first = (plain.class_logits - masked.class_logits).abs().amax((0, 2, 3))
    assert first[0] < 1e-5 < 1e-3 < first[1]
    torch.testing.assert_close(again.class_logits, masked.class_logits)


def test_batched_equals_single():
    torch.manual_seed(0)
    model = build().eval()
    maps = [x.detach() for x in backbone_maps((75, 50))]
    both = model(maps)
    for image in range(2):
        alone = model([x[image : image + 1] for x in maps])
        torch.testing.assert_close(
            both.class_logits[:, image : image + 1], alone.class_logits
        )
        torch.testing.assert_close(
            both.mask_logits()[image : image + 1],
            alone.mask_logits(),
            atol=1e-5,
            rtol=1e-4,
        )


def test_encoder_variant_attends_and_feeds_both_decoders():
    torch.manual_seed(0)
    encoder = TransformerEncoder(2, WIDTH, 4, 2 * WIDTH, dropout=0.0)
    decoder = FPNPixelDecoder(CHANNELS, WIDTH, WIDTH, 4, encoder)
    maps = backbone_maps((64, 96), images=1)
    features, (memory,) = decoder(maps)
    assert decoder.memory_channels == (WIDTH,)
    # one cell of the coarsest map reaches every cell of the memory, and the features
    (gradient,) = torch.autograd.grad(memory[0, 0, 1, 2], maps[-1], retain_graph=True)
    assert (gradient[0].abs().sum(0) > 0).all()
    (gradient,) = torch.autograd.grad(features[0, 0, 0, 0], maps[-1])
    assert (gradient[0].abs().sum(0) > 0).all()


@torch.no_grad()
def test_memories_of_several_scales_are_the_maps_of_the_pyramid():
    torch.manual_seed(0)
    decoder = FPNPixelDecoder(CHANNELS, WIDTH, WIDTH, 4, multi_scale_memory=True)
    maps = backbone_maps((64, 96), images=1)
    features, memories = decoder(maps)
    assert decoder.memory_channels == (WIDTH,) * 3
    coarse = decoder.coarse_conv(maps[-1]).relu()
    torch.testing.assert_close(memories[0], coarse)
    # each finer map continues from the one before it; the masks from the last
    x = coarse
    for level, wanted in zip((2, 1, 0), (*memories[1:], None), strict=True):
        lateral = decoder.lateral_convs[level](maps[level])
        x = lateral + nn.functional.interpolate(x, lateral.shape[-2:])
        x = decoder.output_convs[level](x).relu()
        if wanted is not None:
            torch.testing.assert_close(wanted, x)
    torch.testing.assert_close(features, decoder.mask_conv(x))


def test_boxes_are_in_float32_under_autocast():
    torch.manual_seed(0)
    model = build(with_boxes=True).eval()
    logits = []
    model.box_head.register_forward_hook(lambda *x: logits.append(x[-1]))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        boxes = model(backbone_maps((64, 64))).boxes
    assert logits[0].dtype == torch.bfloat16
    assert boxes.dtype == torch.float32
    assert torch.equal(boxes, logits[0].float().sigmoid())


def test_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    model = build(dropout=0.5)
    maps = backbone_maps((64, 64))
    assert (model(maps).class_logits - model(maps).class_logits).abs().max() > 1e-3
    model.eval()
    torch.testing.assert_close(model(maps).class_logits, model(maps).class_logits)


def test_initial_weights_are_those_of_the_specification():
    torch.manual_seed(0)
    model = build()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            assert_uniform(module.weight, math.sqrt(3 / fan_in))
            if module.bias is not None:
                assert module.bias.abs().max() == 0, name
    layer = model.transformer_decoder.layers[0]
    packed = layer.cross_attention.attention.in_proj_weight  # (3 C, C), one matrix
    assert_uniform(packed, math.sqrt(6 / (4 * WIDTH)))
    assert layer.cross_attention.attention.in_proj_bias.abs().max() == 0
    linear = layer.feed_forward.layers[0]
    assert_uniform(linear.weight, math.sqrt(6 / (3 * WIDTH)))
    assert 0 < linear.bias.abs().max() <= 1 / math.sqrt(WIDTH)
    queries = model.transformer_decoder.query_embed.weight
    assert queries.std().item() == pytest.approx(1.0, abs=0.15)
    assert_uniform(model.class_head.weight, 1 / math.sqrt(WIDTH))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(in_channels=[]), r"in_channels must .* at least 1 map\(s\), got \[\]"),
        (dict(in_channels=[8, 16], out_channels=30), "divisible by num_groups=32"),
        (dict(in_channels=[8, 16], mask_channels=0), "mask_channels must be positive"),
    ],
)
def test_impossible_pixel_decoders_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        FPNPixelDecoder(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(num_queries=0), "num_queries must be positive, got 0"),
        (dict(num_layers=-1), "num_layers must be positive, got -1"),
        (dict(embed_dim=30), "divisible by num_heads=8"),
    ],
)
def test_impossible_transformer_decoders_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TransformerDecoder(memory_channels=[8], **options)
