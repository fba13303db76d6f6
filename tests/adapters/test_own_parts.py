"""Pixel decoders of others: heads of the host, other strides, a single map."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmseg_maskformer.adapters.build import build_network
from mmseg_maskformer.core.structures import PixelFeatures
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


def network(pixel_decoder, in_channels, **options):
    config = dict(
        type="MaskFormer",
        pixel_decoder=pixel_decoder,
        transformer_decoder=QUERIES,
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


class FinestMap(nn.Module):
    """The pixel decoder of docs/architecture.md."""

    def __init__(self, in_channels, mask_channels=256):
        super().__init__()
        self.mask_channels = mask_channels
        self.memory_channels = (in_channels[-1],)
        self.conv = nn.Conv2d(in_channels[0], mask_channels, 3, padding=1)

    def forward(self, features, valid=None):
        return PixelFeatures(self.conv(features[0]), (features[-1],))


@torch.no_grad()
def test_a_part_that_another_package_registers_is_found_by_its_scope():
    MODELS.register_module(module=FinestMap, force=True)
    model = network(dict(type="mmengine.FinestMap", mask_channels=8), CHANNELS)
    features = maps((4, 8, 16, 32), CHANNELS)
    found = model(features).mask_features[0]
    torch.testing.assert_close(found, model.pixel_decoder.conv(features[0]))


def test_a_head_without_a_classifier_of_pixels_is_refused():
    init_default_scope("mmseg")
    head = dict(type="PointHead", channels=16, num_fcs=1)
    pixels = dict(type="DecodeHeadPixelDecoder", decode_head=head)
    with pytest.raises(
        ValueError, match=r"pixel_decoder\.decode_head\.type='PointHead'"
    ):
        network(pixels, CHANNELS)
