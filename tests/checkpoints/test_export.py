"""What the exported folder says beside the weights, and what cannot be said."""

from __future__ import annotations

import json
from collections import OrderedDict

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mmseg_maskformer.checkpoints.export import describe, export_to_huggingface
from mmseg_maskformer.checkpoints.huggingface_config import (
    backbone_config,
    model_config,
)
from mmseg_maskformer.engine.launch import untrained_model
from tests.checkpoints import models

safetensors = pytest.importorskip("safetensors.torch")
ADE = "maskformer_r50_8xb2-160k_ade20k-512x512"
CITYSCAPES = "maskformer_r101_8xb2-90k_cityscapes-512x1024"


def settings(name=ADE, **changes):
    """A config of ours by its name; `changes` go into it."""
    init_default_scope("mmseg")
    config = Config.fromfile(models.CONFIGS / "maskformer" / f"{name}.py")
    config.merge_from_dict(changes)
    return config


def built(config):
    """The model of a config without values."""
    with torch.device("meta"):
        return untrained_model(config)


def described(config):
    """The two files beside the weights."""
    return describe(built(config), config)


def preprocessor(config):
    return described(config)["preprocessor_config.json"]


@pytest.mark.parametrize(
    ("name", "short", "reduces"), [(ADE, 512, True), (CITYSCAPES, 1024, False)]
)
def test_images_are_prepared_as_by_the_test_pipeline(name, short, reduces):
    found = preprocessor(settings(name))
    assert found["size"] == dict(shortest_edge=short, longest_edge=2048)
    assert found["do_resize"] is True
    assert found["do_reduce_labels"] is reduces
    assert found["image_mean"] == pytest.approx([0.485, 0.456, 0.406])  # ImageNet's
    assert found["image_std"] == pytest.approx([0.229, 0.224, 0.225])
    assert found["image_processor_type"] == "MaskFormerImageProcessor"


def test_a_pipeline_that_stretches_or_leaves_images_as_they_are():
    config = settings()
    pipeline = config.val_dataloader.dataset.pipeline
    pipeline[1] = dict(type="Resize", scale=(640, 480))
    found = preprocessor(config)
    assert found["size"] == dict(height=480, width=640)
    pipeline[1] = dict(type="Resize", scale_factor=0.5)
    with pytest.raises(ValueError, match=r"give Resize of the test pipeline a scale="):
        preprocessor(config)
    pipeline.pop(1)
    found = preprocessor(config)
    assert (found["do_resize"], found.get("size")) == (False, None)


def test_a_data_set_that_reduces_labels_by_default_is_known():
    config = settings()
    config.val_dataloader.dataset.pop("reduce_zero_label")  # ADE20KDataset has True
    assert preprocessor(config)["do_reduce_labels"] is True


def test_a_config_without_data_is_exported():
    config = settings()
    config.pop("val_dataloader")
    found = described(config)
    images = found["preprocessor_config.json"]
    assert (images["do_resize"], images["do_reduce_labels"]) == (False, False)
    assert found["config.json"]["id2label"]["149"] == "LABEL_149"


def test_weights_of_the_losses_are_those_of_the_criterion(tmp_path):
    loss = {"model.decode_head.criterion.loss_cls.no_object_weight": 0.3}
    loss["model.decode_head.criterion.loss_mask.weight"] = 5.0
    config = settings(**loss)
    model = untrained_model(config)
    export_to_huggingface(model, config, tmp_path)
    weights = safetensors.load_file(tmp_path / "model.safetensors")
    expected = torch.cat([torch.ones(150), torch.tensor([0.3])])
    assert torch.equal(weights["criterion.empty_weight"], expected)
    found = model_config(model, config.model.backbone)
    assert (found["no_object_weight"], found["mask_weight"]) == (0.3, 5.0)
    config.model.decode_head.pop("criterion")
    found = model_config(built(config), config.model.backbone)
    names = ("no_object", "cross_entropy", "mask", "dice")
    # the paper's
    assert [found[f"{name}_weight"] for name in names] == [0.1, 1.0, 20.0, 1.0]


def backbone(name=ADE, **changes):
    """The `backbone_config` of a config whose backbone has other settings."""
    model = settings(name).model
    model.backbone.update(changes)
    return backbone_config(model.backbone)


def test_settings_that_both_have_are_written():
    swin = "maskformer_swin-t_8xb2-160k_ade20k-512x512"
    found = backbone(swin, mlp_ratio=2, qkv_bias=False, drop_rate=0.25)
    assert (found["mlp_ratio"], found["qkv_bias"]) == (2, False)
    assert found["hidden_dropout_prob"] == 0.25
    assert backbone(style="caffe")["downsample_in_bottleneck"] is True
    assert backbone()["downsample_in_bottleneck"] is False
    assert backbone(stem_channels=32)["embedding_size"] == 32


def test_parts_that_a_config_leaves_to_the_head_have_its_defaults():
    config = settings(ADE)
    stated = described(config)
    for part in ("network", "criterion"):
        config.model.decode_head.pop(part, None)
    assert described(config) == stated  # those of ADE20K are the defaults


@pytest.mark.parametrize(
    "setting",
    [
        dict(deep_stem=True),
        dict(avg_down=True),
        dict(dilations=(1, 1, 2, 4)),
        dict(strides=[1, 2, 1, 1]),
        dict(norm_cfg=dict(type="GN", num_groups=32)),
        dict(norm_cfg=dict(type="BN", eps=1e-3)),
        dict(out_indices=(3,)),
        dict(surprise=1),
    ],
)
def test_a_setting_without_a_counterpart_is_named(setting):
    ((name, value),) = setting.items()
    with pytest.raises(
        ValueError, match=rf"no counterpart of model\.backbone\.{name}="
    ):
        backbone(**setting)


def test_settings_that_change_no_output_are_accepted():
    changes = dict(norm_cfg=dict(type="SyncBN", momentum=0.01), frozen_stages=2)
    assert backbone(**changes, strides=[1, 2, 2, 2]) == backbone()


def test_a_resnet_of_caffe_style_gives_the_same_logits(tmp_path):
    transformers = pytest.importorskip("transformers")
    ours = models.randomise(models.ours(ADE, **{"backbone.style": "caffe"}))
    config = settings(**{"model.backbone.style": "caffe"})
    export_to_huggingface(ours, config, tmp_path)
    kind = transformers.MaskFormerForInstanceSegmentation
    theirs = kind.from_pretrained(tmp_path).eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(image).class_queries_logits
        found = ours.decode_head(ours.extract_feat(image)).class_logits[-1]
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


RESNET = dict(_delete_=True, type="ResNet", depth=50)
SWIN = dict(
    _delete_=True,
    type="mmseg.SwinTransformer",
    embed_dims=24,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    mlp_ratio=2,
)
WIDTHS = {"ResNet": [256, 512, 1024, 2048], SWIN["type"]: [24, 48, 96, 192]}
THINGS = dict(semantic=None, panoptic=2, instance=3)
NAMES = ("cell", "fibre", "ground")
BGR = dict(bgr_to_rgb=False, mean=[103.53, 116.28, 123.675], std=[57.0, 58.0, 59.0])


def small(task, backbone, preprocessor):
    """A config with a small model, and whole numbers where it may have some."""
    things = THINGS[task]
    panoptic = "maskformer_swin-t_64xb1-554k_coco-panoptic"
    name = ADE if things is None else panoptic
    config = Config.fromfile(models.CONFIGS / "maskformer" / f"{name}.py")
    config.val_dataloader.dataset.metainfo = dict(classes=NAMES)
    parts = dict(
        in_channels=WIDTHS[backbone["type"]],
        network=dict(transformer_decoder=dict(num_layers=1, num_queries=5, dropout=0)),
        criterion=dict(loss_mask=dict(weight=20), loss_cls=dict(weight=2)),
    )
    model = dict(backbone=dict(backbone), data_preprocessor=preprocessor)
    if things is None:
        model["decode_head"] = dict(parts, num_classes=3)
    else:
        model["decode_head"] = parts
        model |= dict(num_things_classes=things, num_stuff_classes=3 - things)
    config.merge_from_dict(dict(model=model))
    return config


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
    export_to_huggingface(ours, config, tmp_path)
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


MASKED = dict(
    type="MaskFormer",
    pixel_decoder=dict(
        type="MSDeformAttnPixelDecoder",
        embed_dim=32,
        mask_channels=48,
        num_layers=2,
        num_heads=4,
        ffn_dim=40,
    ),
    transformer_decoder=dict(
        type="MaskedTransformerDecoder",
        num_queries=5,
        num_layers=3,
        embed_dim=64,
        num_heads=4,
        ffn_dim=80,
    ),
)


def small_masked(backbone, **pixels):
    """A config with a small Mask2Former."""
    config = small("semantic", backbone, {})
    network = dict(MASKED, pixel_decoder=MASKED["pixel_decoder"] | pixels)
    config.model.decode_head.network = network
    loss = dict(mask=5.0, dice=4.0)
    for name, weight in loss.items():
        config.model.decode_head.criterion[f"loss_{name}"].weight = weight
    return config


@pytest.mark.parametrize("backbone", [RESNET, SWIN], ids=["ResNet", "Swin"])
def test_a_mask2former_is_read_and_gives_ours(backbone, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = small_masked(backbone)
    ours = models.randomise(untrained_model(config))
    export_to_huggingface(ours, config, tmp_path)
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


@pytest.mark.parametrize("setting", [dict(num_points=2), dict(num_heads=8)])
def test_samples_that_transformers_cannot_take_are_named(setting):
    config = small_masked(SWIN, **setting)
    with pytest.raises(ValueError, match=r"a pixel decoder with . heads and . points"):
        describe(untrained_model(config), config)


def test_plain_cross_attention_cannot_be_written():
    config = small_masked(SWIN)
    config.model.decode_head.network.transformer_decoder.masked_attention = False
    with pytest.raises(ValueError, match="masked_attention=False cannot be written"):
        describe(untrained_model(config), config)


def test_a_mask2former_on_a_pyramid_cannot_be_written():
    config = small_masked(SWIN)
    pyramid = dict(type="FPNPixelDecoder", multi_scale_memory=True)
    config.model.decode_head.network.pixel_decoder = pyramid
    with pytest.raises(ValueError, match="with FPNPixelDecoder cannot be written"):
        describe(untrained_model(config), config)


def test_an_unknown_data_set_is_a_sentence():
    config = settings()
    config.val_dataloader.dataset.type = "MyDataset"
    with pytest.raises(ValueError, match="'MyDataset' is no data set of 'mmseg', "):
        described(config)
