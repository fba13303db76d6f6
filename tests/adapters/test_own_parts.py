"""Pixel decoders of others: heads of the host, other strides, a single map."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmseg_maskformer.adapters.build import build_network
from mmseg_maskformer.core.structures import PixelFeatures
from tests.helpers.pages import python_blocks
from tests.weights import randomise

CHANNELS = [8, 12, 16, 24]
UPERNET = dict(type="UPerHead", pool_scales=(1, 2), channels=16, dropout_ratio=0.1)
QUERIES = dict(
    type="TransformerDecoder", num_queries=5, num_layers=2, embed_dim=16, ffn_dim=16
)


def maps(strides, channels, size=64):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, width, size // stride, size // stride, generator=generator)
        for width, stride in zip(channels, strides, strict=True)
    ]


def network(pixel_decoder, in_channels, queries=QUERIES, **options):
    config = dict(
        type="MaskFormer",
        pixel_decoder=pixel_decoder,
        transformer_decoder=queries,
        **options,
    )
    torch.manual_seed(0)
    return randomise(build_network(config, in_channels, num_classes=3)).eval()


@torch.no_grad()
def test_upernet_is_a_pixel_decoder_by_its_features_before_the_classifier():
    init_default_scope("mmseg")
    pixels = dict(type="DecodeHeadPixelDecoder", decode_head=UPERNET, mask_channels=8)
    model = network(pixels, CHANNELS)
    peer = MODELS.build(
        dict(UPERNET, in_channels=CHANNELS, in_index=[0, 1, 2, 3], num_classes=2)
    ).eval()
    missing = peer.load_state_dict(
        model.pixel_decoder.head.state_dict(), strict=False
    ).missing_keys
    assert missing == ["conv_seg.weight", "conv_seg.bias"]

    features = maps((4, 8, 16, 32), CHANNELS)
    found = model(features)
    wanted = model.pixel_decoder.mask_conv(peer._forward_feature(features))
    torch.testing.assert_close(found.mask_features[0], wanted)
    alone = model.transformer_decoder(
        PixelFeatures(wanted, (features[-1],)), model.mask_head
    )
    torch.testing.assert_close(found.class_logits, model.class_head(alone))


@torch.no_grad()
def test_a_single_map_of_stride_16_is_enough():
    model = network(
        dict(type="FPNPixelDecoder", out_channels=16, mask_channels=8, num_groups=4),
        [24],
        mask_stride=16,
    )
    (features,) = maps((16,), [24])
    found = model([features])
    # without finer maps the pyramid is its coarsest convolution, then that of the masks
    decoder = model.pixel_decoder
    wanted = decoder.mask_conv(decoder.coarse_conv(features).relu())
    torch.testing.assert_close(found.mask_features[0], wanted)
    assert model.mask_stride == 16


@pytest.fixture(scope="module")
def page():
    """The blocks of code below "Parts of your own" in docs/architecture.md."""
    parts, config = python_blocks("docs/architecture.md", "Parts of your own")
    exec(parts, {"__name__": "my_parts"})  # registers them
    return config


@torch.no_grad()
def test_parts_of_the_page_are_found_by_the_scope_of_their_registry(page, tmp_path):
    (tmp_path / "my_config.py").touch()
    path = tmp_path / "mine.py"
    path.write_text(page.replace("my_parts", "torch"))
    config = Config.fromfile(path).model.decode_head.network
    for part in config.values():
        part.pop("_delete_", None)
    model = network(config.pixel_decoder, CHANNELS, config.transformer_decoder)
    features = maps((4, 8, 16, 32), CHANNELS)
    found = model(features)
    torch.testing.assert_close(
        found.mask_features[0], model.pixel_decoder.conv(features[0])
    )
    assert found.class_logits.shape == (3, 2, 50, 4)  # a prediction of every layer
    last = found.class_logits[-1] - model.class_head.bias
    assert last.std(dim=1).min() > 0.01  # queries differ


def test_a_head_without_a_classifier_of_pixels_is_refused():
    init_default_scope("mmseg")
    head = dict(type="PointHead", channels=16, num_fcs=1)
    pixels = dict(type="DecodeHeadPixelDecoder", decode_head=head)
    with pytest.raises(
        ValueError, match=r"pixel_decoder\.decode_head\.type='PointHead'"
    ):
        network(pixels, CHANNELS)
