"""Transformers reads what is exported and gives the outputs of ours."""

from __future__ import annotations

import json
from collections import OrderedDict

import pytest
import torch
from mmengine.registry import DefaultScope

from mmseg_maskformer.checkpoints.huggingface_export import export_to_huggingface
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.engine.results.described_images import described_images
from tests.checkpoints import models
from tests.helpers.export import (
    ADE,
    BGR,
    NAMES,
    RESNET,
    SWIN,
    settings,
    small,
    small_masked,
)

pytest.importorskip("safetensors")


def test_a_resnet_of_caffe_style_gives_the_same_logits(tmp_path):
    transformers = pytest.importorskip("transformers")
    ours = models.randomise(models.ours(ADE, **{"backbone.style": "caffe"}))
    config = settings(**{"model.backbone.style": "caffe"})
    export_to_huggingface(ours, config.model, tmp_path, described_images(config))
    kind = transformers.MaskFormerForInstanceSegmentation
    theirs = kind.from_pretrained(tmp_path).eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(image).class_queries_logits
        found = ours.decode_head(ours.extract_feat(image)).class_logits[-1]
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
@pytest.mark.parametrize(
    ("backbone", "preprocessor"),
    [(RESNET, {}), (SWIN, {}), (RESNET, BGR), (SWIN, BGR)],
    ids=["ResNet", "Swin", "ResNet of BGR images", "Swin of BGR images"],
)
def test_every_kind_is_read_and_gives_ours(
    task, backbone, preprocessor, tmp_path, monkeypatch
):
    """The same logits, from pixels on, by what the folder says of the images."""
    transformers = pytest.importorskip("transformers")
    if task != "semantic":
        pytest.importorskip("mmdet")
    config = small(task, backbone, preprocessor)
    ours = models.randomise(untrained_model(config))
    # as in a program that has set no scope
    monkeypatch.setattr(DefaultScope, "_instance_dict", OrderedDict())
    export_to_huggingface(ours, config.model, tmp_path, described_images(config))
    kind = transformers.MaskFormerForInstanceSegmentation
    theirs = kind.from_pretrained(tmp_path).eval()
    assert theirs.config.id2label == dict(enumerate(NAMES))
    said = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert said["do_reduce_labels"] is (task == "semantic")  # ADE20K alone

    rgb = torch.randint(256, (3, 64, 96), generator=torch.Generator().manual_seed(0))
    mean, std = (
        torch.tensor(said[f"image_{x}"])[:, None, None] for x in ("mean", "std")
    )
    ours.data_preprocessor.test_cfg = None  # asks for data samples
    batch = dict(inputs=[rgb.flip(0).byte()])  # as OpenCV reads it
    with torch.no_grad():
        expected = theirs(((rgb / 255 - mean) / std)[None])
        image = ours.data_preprocessor(batch)["inputs"]
        found = ours.decode_head(ours.extract_feat(image))
    for one, other in (
        (found.class_logits[-1], expected.class_queries_logits),
        (found.mask_logits(), expected.masks_queries_logits),
    ):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()


@pytest.mark.parametrize("backbone", [RESNET, SWIN], ids=["ResNet", "Swin"])
def test_a_mask2former_is_read_and_gives_ours(backbone, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = small_masked(backbone)
    ours = models.randomise(untrained_model(config))
    export_to_huggingface(ours, config.model, tmp_path, described_images(config))
    kind = transformers.Mask2FormerForUniversalSegmentation
    theirs, info = kind.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert theirs.config.id2label == dict(enumerate(NAMES))
    weights = ("class_weight", "mask_weight", "dice_weight", "no_object_weight")
    assert [getattr(theirs.config, x) for x in weights] == [2.0, 5.0, 4.0, 0.1]
    said = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert said["image_processor_type"] == "Mask2FormerImageProcessor"
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs.eval()(image)
        found = ours.decode_head(ours.extract_feat(image))
    for one, other in (
        (found.class_logits[-1], expected.class_queries_logits),
        (found.mask_logits(), expected.masks_queries_logits),
    ):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()
