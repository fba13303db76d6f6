"""PerPixelBaseline and PerPixelBaseline+: equal to the peers' parts, as specified."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.per_pixel import PerPixelBaseline
from mmseg_maskformer.core.pixel_criterion import PixelCriterion
from mmseg_maskformer.core.pixel_decoders import FPNPixelDecoder
from mmseg_maskformer.core.targets import semantic_targets

WIDTH, CLASSES = 32, 5
CHANNELS = [16, 32, 64, 128]


def pixel_decoder():
    return FPNPixelDecoder(CHANNELS, WIDTH, WIDTH, num_groups=4)


def decoder(num_queries=CLASSES, num_layers=2):
    return TransformerDecoder([128], num_queries, num_layers, WIDTH, 4, 64, dropout=0.0)


def baseline(plus=False):
    torch.manual_seed(0)
    return PerPixelBaseline(pixel_decoder(), CLASSES, decoder() if plus else None)


def backbone_maps(size=(64, 96), images=2):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(
            images, channels, -(-size[0] // s), -(-size[1] // s), generator=generator
        )
        for s, channels in zip((4, 8, 16, 32), CHANNELS, strict=True)
    ]


def label_maps(size=(64, 96), images=2):
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(CLASSES + 1, (images, *size), generator=generator)
    return torch.where(labels == CLASSES, 255, labels)


@pytest.mark.parametrize("size", [(64, 96), (75, 50)])
def test_logits_are_the_convolution_of_the_pixel_features(size):
    model, maps = baseline(), backbone_maps(size)
    found = model(maps)
    features, _ = model.pixel_decoder(maps)
    assert found.class_embed.shape == (1, 2, CLASSES, WIDTH)
    torch.nn.init.normal_(model.classifier.bias)
    torch.testing.assert_close(
        found.class_logits(), model.classifier(features), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("size", [(64, 96), (75, 50)])
def test_losses_and_gradients_equal_those_of_the_head_of_mmseg(size):
    model, maps, labels = baseline(), backbone_maps(size), label_maps(size)
    torch.nn.init.normal_(model.classifier.bias)
    loss = dict(type="mmseg.CrossEntropyLoss", avg_non_ignore=True)  # labelled pixels
    head = FCNHead(
        in_channels=WIDTH,
        channels=WIDTH,
        num_classes=CLASSES,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.0,
        align_corners=False,
        loss_decode=loss,
    )
    head.conv_seg.load_state_dict(model.classifier.state_dict())
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    features, _ = model.pixel_decoder(maps)
    wanted = head.loss_by_feat(head([features]), samples)["loss_ce"]
    losses = PixelCriterion()(model(maps), semantic_targets(labels, CLASSES))
    assert losses["loss_ce"].item() == pytest.approx(wanted.item(), rel=1e-6)
    ours = torch.autograd.grad(losses["loss_ce"], model.parameters())
    shared = [*model.pixel_decoder.parameters(), *head.conv_seg.parameters()]
    theirs = torch.autograd.grad(wanted, shared)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() < 1e-5 * b.abs().max()


def test_plus_reads_mask_logits_as_class_logits():
    """Weights of a MaskFormer with K queries: its masks are the classes' scores."""
    plus = baseline(plus=True).eval()
    other = MaskFormer(pixel_decoder(), decoder(), CLASSES).eval()
    result = other.load_state_dict(plus.state_dict(), strict=False)
    assert set(result.missing_keys) == {"class_head.weight", "class_head.bias"}
    assert not result.unexpected_keys
    maps = backbone_maps()
    found, wanted = plus(maps), other(maps)
    for layer in range(2):
        assert torch.equal(found.class_logits(layer), wanted.mask_logits(layer))
    assert found.layer().class_logits is None
    assert torch.equal(found.layer().mask_logits, wanted.mask_logits())
    first, last = (wanted.mask_logits(layer) for layer in range(2))
    assert (first - last).abs().max() > 0.1  # the layers can be told apart


def test_plus_supervises_every_layer_with_the_same_weight():
    plus, maps, labels = baseline(plus=True), backbone_maps(), label_maps()
    found = plus(maps)
    losses = PixelCriterion()(found, semantic_targets(labels, CLASSES))
    assert list(losses) == ["d0.loss_ce", "loss_ce"]
    for layer, value in enumerate(losses.values()):
        logits = found.class_logits(layer)
        large = F.interpolate(logits, labels.shape[1:], mode="bilinear")
        wanted = F.cross_entropy(large, labels, ignore_index=255)
        assert value.item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("plus", [False, True])
def test_padding_is_hidden_from_attention_alone(plus):
    model, maps = baseline(plus).eval(), backbone_maps()
    valid = torch.tensor([[1, 1], [1, 2 / 3]], dtype=torch.float64)
    plain, masked = model(maps), model(maps, valid)
    assert torch.equal(plain.pixel_features, masked.pixel_features)
    change = (plain.class_embed - masked.class_embed).abs().amax((0, 2, 3))
    assert change[0] < 1e-5
    assert (change[1] > 1e-3) == plus


def test_classifier_starts_as_in_the_paper():
    torch.manual_seed(0)
    model = PerPixelBaseline(FPNPixelDecoder(CHANNELS, 256, 256), num_classes=150)
    assert model.classifier.bias.abs().max() == 0
    # normal with variance 2 / fan_out; 256 * 150 draws
    std = model.classifier.weight.std().item()
    assert std == pytest.approx(math.sqrt(2 / 150), rel=0.02)
    assert model.classifier.weight.abs().max() > 3 * std  # a uniform has no tails


def test_parameters_of_the_head_are_those_of_the_paper():
    # 150 classes behind a ResNet-50: heads of 7,579,030 and 17,773,824
    channels = [256, 512, 1024, 2048]
    models = [
        PerPixelBaseline(
            FPNPixelDecoder(channels),
            150,
            TransformerDecoder([2048], 150) if x else None,
        )
        for x in (False, True)
    ]
    counts = [sum(x.numel() for x in model.parameters()) for model in models]
    assert counts == [7_579_030, 17_773_824]


def test_other_numbers_of_queries_are_a_sentence():
    with pytest.raises(ValueError, match="num_queries=9 .* num_classes=5; set"):
        PerPixelBaseline(pixel_decoder(), CLASSES, decoder(num_queries=9))
    with pytest.raises(ValueError, match="num_classes must be positive, got 0"):
        PerPixelBaseline(pixel_decoder(), 0)
