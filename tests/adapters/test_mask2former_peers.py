"""MMDetection's and Hugging Face's Mask2Former, their weights loaded here.

The attention mask is a threshold: a logit within rounding of it may fall on either
side, and the layers after it then differ. So all layers are compared with the masks
of the peer, and the masks by the share of their cells.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from torch import Tensor, nn

import mmseg_maskformer  # noqa: F401  (mmcv without compiled operators)
from tests.checkpoints import models

BASE = models.CONFIGS / "_base_/models/mask2former_r50.py"
CLASSES, QUERIES, HEADS = 133, 100, 8
SIZE = (64, 96)
TINY = dict(embed_dims=24, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8), window_size=7)
BACKBONES = {  # ours, beside the peers'
    "r50": {},
    "swin-t": dict(
        backbone=dict(_delete_=True, type="SwinTransformer"),
        decode_head=dict(in_channels=[96, 192, 384, 768]),
    ),
    "swin": dict(
        backbone=dict(_delete_=True, type="SwinTransformer", **TINY),
        decode_head=dict(in_channels=[24, 48, 96, 192]),
    ),
}


class Answers(NamedTuple):
    """What a peer makes of an image."""

    mask_features: Tensor
    memories: list[Tensor]
    class_logits: list[Tensor]
    mask_logits: list[Tensor]
    blocked: list[Tensor]


def ours(backbone):
    init_default_scope("mmseg")
    config = Config.fromfile(BASE)
    config.model.backbone.init_cfg = None
    config.merge_from_dict(dict(model=BACKBONES[backbone]))
    config.model.decode_head.num_classes = CLASSES
    return MODELS.build(config.model).eval()


def one_head(masks):
    """A peer's mask (B * heads, Q, h * w) of one head, as it is attended with."""
    first, *others = masks.bool().unflatten(0, (-1, HEADS)).unbind(1)
    assert all(torch.equal(first, other) for other in others)
    return first & ~first.all(-1, keepdim=True)


def mmdet_answers(image, backbone, path):
    pytest.importorskip("mmdet")
    from tests import mmdet_peer

    model = models.randomise(mmdet_peer.build_mask2former(backbone))
    torch.save(dict(meta={}, state_dict=model.state_dict()), path / "peer.pth")
    head, blocked, predict = model.panoptic_head, [], model.panoptic_head._forward_head

    def recorded(*inputs):
        found = predict(*inputs)
        blocked.append(one_head(found[2]))
        return found

    head._forward_head = recorded
    features = model.extract_feat(image)
    pixels = head.pixel_decoder(features)
    return Answers(*pixels, *head(features, None), blocked), "peer.pth"


def huggingface_answers(image, backbone, path):
    transformers = pytest.importorskip("transformers")
    stages = ["stage1", "stage2", "stage3", "stage4"]
    small = dict(embed_dim=24, depths=[2] * 4, num_heads=[1, 2, 4, 8], window_size=7)
    body = {
        "swin": transformers.SwinConfig(**small, out_features=stages),
        "r50": transformers.ResNetConfig(depths=[3, 4, 6, 3], out_features=stages),
    }[backbone]
    config = transformers.Mask2FormerConfig(backbone_config=body, num_labels=CLASSES)
    model = transformers.Mask2FormerForUniversalSegmentation(config)
    for module in model.modules():
        if isinstance(module, nn.Linear):  # of narrow weights all masks are one
            nn.init.xavier_uniform_(module.weight)
    models.randomise(model).save_pretrained(path)
    blocked = []
    model.model.transformer_module.decoder.mask_predictor.register_forward_hook(
        lambda module, inputs, found: blocked.append(one_head(found[1]))
    )
    found = model(image, output_hidden_states=True, output_auxiliary_logits=True)
    layers = [*found.auxiliary_logits, found]
    return Answers(
        found.pixel_decoder_last_hidden_state,
        found.pixel_decoder_hidden_states,
        [layer["class_queries_logits"] for layer in layers],
        [layer["masks_queries_logits"] for layer in layers],
        blocked,
    ), "model.safetensors"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((mmdet_answers, "r50"), marks=pytest.mark.mmdet),
        pytest.param((mmdet_answers, "swin-t"), marks=pytest.mark.mmdet),
        (huggingface_answers, "r50"),
        (huggingface_answers, "swin"),
    ],
    ids=lambda x: f"{x[0].__name__.partition('_')[0]}-{x[1]}",
)
def pair(request, tmp_path_factory):
    """The network of ours with a peer's weights, its input, what the peer answers."""
    answers, backbone = request.param
    path = tmp_path_factory.mktemp("peer")
    torch.manual_seed(0)
    image = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        expected, file = answers(image, backbone, path)
        model = ours(backbone)
        load_checkpoint(model, str(path / file), strict=False)
        features = model.extract_feat(image)
    return model.decode_head.network, features, expected


def close(found, expected, tolerance):
    """Equal to a share of the largest value."""
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@torch.no_grad()
def test_pixels_and_the_prediction_before_the_first_layer_are_theirs(pair):
    network, features, expected = pair
    found = network.pixel_decoder(features)
    close(found.mask_features, expected.mask_features, 1e-5)
    for memory, wanted in zip(found.memories, expected.memories, strict=True):
        close(memory, wanted, 1e-5)
    predictions = network(features)
    close(predictions.class_logits[0], expected.class_logits[0], 1e-5)
    close(predictions.mask_logits(0), expected.mask_logits[0], 1e-5)


@torch.no_grad()
def test_with_their_masks_every_layer_is_theirs(pair, monkeypatch):
    network, features, expected = pair
    masks = iter(expected.blocked)
    decoder = network.transformer_decoder
    monkeypatch.setattr(decoder, "attention_mask", lambda *_: next(masks))
    found = network(features)
    assert len(found.class_logits) == len(expected.class_logits) == 10
    for layer in range(10):
        close(found.class_logits[layer], expected.class_logits[layer], 1e-4)
        close(found.mask_logits(layer), expected.mask_logits[layer], 1e-4)


@torch.no_grad()
def test_our_masks_are_theirs_but_for_a_bit_in_ten_thousand(pair, monkeypatch):
    network, features, expected = pair
    decoder, found = network.transformer_decoder, []
    mask = decoder.attention_mask
    monkeypatch.setattr(
        decoder, "attention_mask", lambda *x: found.append(mask(*x)) or found[-1]
    )
    network(features)
    assert len(found) == 9  # they make a tenth, after the last layer
    bits, wanted = (
        torch.cat([x.flatten() for x in masks])
        for masks in (found, expected.blocked[:9])
    )
    assert (bits != wanted).double().mean() <= 1e-4
    assert 0.1 < bits.double().mean() < 0.9
