"""What the exported folder says beside the weights, and what cannot be said."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_maskformer.checkpoints.huggingface_config import (
    backbone_config,
    model_config,
)
from mmseg_maskformer.checkpoints.huggingface_export import (
    export_to_huggingface,
    json_files,
)
from mmseg_maskformer.checkpoints.huggingface_images import (
    image_processor,
    other_images,
)
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.engine.results.described_images import described_images
from tests.helpers.export import ADE, SWIN, settings, small, small_masked

safetensors = pytest.importorskip("safetensors.torch")
CITYSCAPES = "maskformer_r101_8xb2-90k_cityscapes-512x1024"


def built(config):
    """The model of a config without values."""
    with torch.device("meta"):
        return untrained_model(config)


def described(config):
    """The two files beside the weights."""
    tests = config.get("test_dataloader")
    images = described_images(config) if tests else None
    return json_files(built(config), config.model, images)


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
    pipeline = config.test_dataloader.dataset.pipeline
    pipeline[1] = dict(type="Resize", scale=(640, 480))
    found = preprocessor(config)
    assert found["size"] == dict(height=480, width=640)
    pipeline.pop(1)
    found = preprocessor(config)
    assert (found["do_resize"], found.get("size")) == (False, None)


@pytest.mark.parametrize(
    ("padding", "divisor"),
    [
        (dict(size_divisor=64), 1),  # in training
        (dict(size=(96, 96), test_cfg=dict(size_divisor=32)), 32),
        (dict(size_divisor=64, test_cfg=dict(size_divisor=1)), 1),
        (dict(size=(96, 96), test_cfg=dict(size=None, size_divisor=16)), 16),
        pytest.param(dict(pad_size_divisor=32), 32, marks=pytest.mark.mmdet),
    ],
)
def test_sides_are_those_of_a_test(padding, divisor):
    assert image_processor(padding, None, False)["size_divisor"] == divisor
    det = "pad_size_divisor" in padding
    kind = "mmdet.DetDataPreprocessor" if det else "mmseg.SegDataPreProcessor"
    host = MODELS.build(dict(type=kind, **padding))
    samples = [SegDataSample(metainfo=dict(img_shape=(50, 70)))]
    batch = dict(inputs=[torch.zeros(3, 50, 70)], data_samples=samples)
    found = host(batch, training=False)["inputs"]
    sides = [-(-side // divisor) * divisor for side in (50, 70)]
    assert list(found[0].shape[1:]) == sides


@pytest.mark.parametrize(
    ("padding", "backend", "hidden", "said"),
    [
        ({}, "pillow", False, r"$"),
        ({}, "cv2", False, r"transformers averages where it shrinks images"),
        ({}, "pillow", True, r"transformers lets queries see what pads a batch"),
        (
            dict(size_divisor=32),
            None,
            False,
            r"\w+ does not pad to multiples of 32 \(d",
        ),
        (
            dict(size_divisor=32),
            "cv2",
            False,
            r"\w+ stretches images to .* 32 .*, aver",
        ),
    ],
)
def test_what_transformers_does_otherwise_is_said(padding, backend, hidden, said):
    resize = backend and dict(scale=(70, 50), keep_ratio=True, backend=backend)
    assert re.match(said, other_images(dict(test_cfg=padding), resize, hidden))


def test_transformers_stretches_what_is_padded_here():
    """Of a black image with a white last column, which padding would leave last."""
    transformers = pytest.importorskip("transformers")
    image = torch.zeros(3, 50, 70, dtype=torch.uint8)
    image[..., -1] = 255
    settings = dict(test_cfg=dict(size_divisor=32))
    for scale, width in (((70, 50), 96), (None, 70)):
        resize = scale and dict(scale=scale, keep_ratio=True)
        said = image_processor(settings, resize, False)
        found = transformers.MaskFormerImageProcessor(**said)(images=[image])
        pixels = torch.as_tensor(found["pixel_values"][0])
        assert pixels.shape[-1] == width
        assert pixels[..., -1].min() > 0


def test_padding_to_one_size_cannot_be_written():
    with pytest.raises(ValueError, match=r"test_cfg\.size=\(96, 96\) pads every image"):
        image_processor(dict(test_cfg=dict(size=(96, 96))), None, False)


def test_a_data_set_that_reduces_labels_by_default_is_known():
    config = settings()
    config.test_dataloader.dataset.pop("reduce_zero_label")  # ADE20KDataset has True
    assert preprocessor(config)["do_reduce_labels"] is True


def test_a_config_without_data_is_exported():
    config = settings()
    config.pop("test_dataloader")
    found = described(config)
    images = found["preprocessor_config.json"]
    assert (images["do_resize"], images["do_reduce_labels"]) == (False, False)
    assert found["config.json"]["id2label"]["149"] == "LABEL_149"


def test_weights_of_the_losses_are_those_of_the_criterion(tmp_path):
    loss = {"model.decode_head.criterion.loss_cls.no_object_weight": 0.3}
    loss["model.decode_head.criterion.loss_mask.weight"] = 5.0
    config = settings(**loss)
    model = untrained_model(config)
    export_to_huggingface(model, config.model, tmp_path)
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


@pytest.mark.parametrize("setting", [dict(num_points=2), dict(num_heads=8)])
def test_samples_that_transformers_cannot_take_are_named(setting):
    config = small_masked(SWIN, **setting)
    with pytest.raises(ValueError, match=r"a pixel decoder with . heads and . points"):
        json_files(untrained_model(config), config.model)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attention", "plain"),
        ("levels", (0,)),
        ("joined_levels", True),
        ("content", "zero"),
        ("cross_first", False),
    ],
)
def test_variants_of_the_masked_decoder_cannot_be_written(key, value):
    config = small_masked(SWIN)
    config.model.decode_head.network.transformer_decoder[key] = value
    wanted = re.escape(f"transformer_decoder.{key}={value!r} cannot be written")
    with pytest.raises(ValueError, match=wanted):
        json_files(untrained_model(config), config.model)


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("MaskFormer", "num_groups", 16),
        ("MaskFormer", "multi_scale_memory", True),
        ("Mask2Former", "num_groups", 16),
    ],
)
def test_pixel_decoders_of_other_outputs_cannot_be_written(family, key, value):
    """Their tensors have the names and shapes of those that transformers has."""
    one = family == "MaskFormer"
    config = small("semantic", SWIN, {}) if one else small_masked(SWIN)
    config.model.decode_head.network.pixel_decoder[key] = value
    wanted = re.escape(f"pixel_decoder.{key}={value} cannot be written")
    with pytest.raises(ValueError, match=wanted):
        json_files(untrained_model(config), config.model)


@pytest.mark.parametrize("kind", ["BiFPNPixelDecoder", "SemanticFPNPixelDecoder"])
def test_a_maskformer_on_another_pixel_decoder_cannot_be_written(kind):
    config = small("semantic", SWIN, {})
    config.model.decode_head.network.pixel_decoder = dict(type=kind)
    with pytest.raises(ValueError, match=f"FPNPixelDecoder only; .* with {kind} can"):
        json_files(untrained_model(config), config.model)


def test_a_mask2former_on_a_pyramid_cannot_be_written():
    config = small_masked(SWIN)
    pyramid = dict(type="FPNPixelDecoder", multi_scale_memory=True)
    config.model.decode_head.network.pixel_decoder = pyramid
    with pytest.raises(ValueError, match="with FPNPixelDecoder cannot be written"):
        json_files(untrained_model(config), config.model)
