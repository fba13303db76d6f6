"""Hugging Face's models: the same logits here, and back without a changed bit."""

from __future__ import annotations

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmseg_maskformer.checkpoints.convert import HUGGINGFACE, from_ours, to_ours
from tests.checkpoints import models

transformers = pytest.importorskip("transformers")
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def swin():
    backbone = transformers.SwinConfig(
        embed_dim=24,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=7,
        out_features=STAGES,
    )
    ours = {
        "backbone": dict(
            _delete_=True,
            type="SwinTransformer",
            embed_dims=24,
            depths=(2, 2, 2, 2),
            num_heads=(1, 2, 4, 8),
            window_size=7,
        ),
        "decode_head.in_channels": [24, 48, 96, 192],
    }
    return backbone, ours


def resnet():
    return transformers.ResNetConfig(depths=[3, 4, 6, 3], out_features=STAGES), {}


def pair(backbone):
    """A model of theirs, and one of ours of the same shape with other weights."""
    theirs, changes = backbone()
    config = transformers.MaskFormerConfig(
        backbone_config=theirs,
        decoder_config=transformers.DetrConfig(num_queries=100),
        num_labels=150,
    )
    torch.manual_seed(0)
    model = transformers.MaskFormerForInstanceSegmentation(config)
    return models.randomise(model), models.ours(**changes)


def close(found, expected, tolerance):
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize("backbone", [swin, resnet])
@pytest.mark.parametrize("form", ["file", "live names"])
def test_logits_equal_theirs(backbone, form, tmp_path):
    theirs, ours = pair(backbone)
    if form == "file":
        theirs.save_pretrained(tmp_path)
        load_checkpoint(ours, str(tmp_path / "model.safetensors"))
    else:
        ours.load_state_dict(theirs.state_dict(), strict=False)
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(image)
        found = ours.decode_head(ours.extract_feat(image))
    close(found.class_logits[-1], expected.class_queries_logits, 1e-4)
    close(found.mask_logits(), expected.masks_queries_logits, 1e-4)


@pytest.mark.parametrize("backbone", [swin, resnet])
def test_round_trip_changes_no_bit(backbone):
    theirs, ours = pair(backbone)
    start = ours.state_dict()
    written = from_ours(start, HUGGINGFACE)
    back, report = to_ours(written, start, HUGGINGFACE)
    assert report.complete
    assert not report.kept
    assert back.keys() == start.keys()
    assert all(torch.equal(back[name], start[name]) for name in start)


@pytest.mark.parametrize("backbone", [swin, resnet])
def test_their_model_takes_what_is_written_and_gives_our_logits(backbone, tmp_path):
    theirs, ours = pair(backbone)
    models.randomise(ours, seed=1)
    names = {HUGGINGFACE.rename(name): name for name in theirs.state_dict()}
    written = from_ours(ours.state_dict(), HUGGINGFACE)
    result = theirs.load_state_dict(
        {names[name]: tensor for name, tensor in written.items()}, strict=False
    )
    assert not result.unexpected_keys
    left = {name.rpartition(".")[0] for name in result.missing_keys}
    assert left <= {"criterion", "model.pixel_level_module.encoder.model.layernorm"}
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(image)
        found = ours.decode_head(ours.extract_feat(image))
    close(found.class_logits[-1], expected.class_queries_logits, 1e-4)
    close(found.mask_logits(), expected.masks_queries_logits, 1e-4)
