"""One module from image to logits against the hosts' preprocessing and the head."""

from __future__ import annotations

import pytest
import torch
from mmseg.structures import SegDataSample

from mmseg_maskformer.core.inference import semantic_labels
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.export.description import describe
from mmseg_maskformer.export.network import ExportableNetwork
from mmseg_maskformer.export.onnx_file import require
from tests.helpers.exported import settings
from tests.weights import randomise

SIZE = (75, 107)


def build(task="semantic", masked=False, **changes):
    if task == "panoptic":
        pytest.importorskip("mmdet")
    config = settings(task, masked)
    config.merge_from_dict({f"model.{name}": x for name, x in changes.items()})
    torch.manual_seed(0)
    return randomise(untrained_model(config)), config


def sample(task):
    meta = dict(img_shape=SIZE, ori_shape=SIZE)
    if task == "panoptic":
        from mmdet.structures import DetDataSample

        return DetDataSample(metainfo=meta)
    return SegDataSample(metainfo=meta)


@pytest.mark.parametrize(
    ("task", "masked", "changes"),
    [
        ("semantic", False, {}),
        ("semantic", True, {"data_preprocessor.bgr_to_rgb": False}),
        ("semantic", False, {"decode_head.mask_padding": True}),
        ("semantic", False, {"data_preprocessor.test_cfg": None}),
        ("panoptic", True, {"data_preprocessor.pad_size_divisor": 32}),
    ],
)
def test_outputs_equal_those_behind_the_hosts_preprocessor(task, masked, changes):
    model, _ = build(task, masked, **changes)
    image = torch.randint(256, (3, *SIZE), dtype=torch.uint8)  # as read: blue first
    batch = dict(inputs=[image], data_samples=[sample(task)])
    prepared = model.data_preprocessor(batch)
    metas = [x.metainfo for x in prepared["data_samples"]]
    with torch.no_grad():
        features = model.extract_feat(prepared["inputs"])
        size = tuple(prepared["inputs"].shape[-2:])
        wanted = model.decode_head.predict_layer(features, metas, size)
        found = ExportableNetwork(model)(image.flip(0)[None].float())
    for x, y in zip(found, wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-6)


def test_labels_inside_are_those_of_the_image_without_padding():
    model, _ = build()
    image = 255 * torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        (found,) = ExportableNetwork(model, labels=True)(image)
        classes, masks = ExportableNetwork(model)(image)
    # sides of 75 and 107 are padded to 96 and 128
    placement = Placement((96, 128), (0, 75, 0, 107), SIZE)
    wanted = semantic_labels(classes[0], masks[0], placement)
    assert found.shape == wanted.shape
    assert (found == wanted).double().mean() >= 0.999


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"test_cfg": dict(mode="slide", crop_size=(64, 64), stride=(32, 32))},
            r"mode='slide' is not .* model\.test_cfg\.mode=whole",
        ),
        ({"test_cfg.semantic_rule": "general"}, "semantic_rule='general' is not"),
        (
            {"type": "EncoderDecoder"},
            r"EncoderDecoder is no model of .* set model\.type to .*Segmentor",
        ),
        (
            {"data_preprocessor.test_cfg": dict(size=(96, 96), size_divisor=None)},
            r"size=\(96, 96\) pads",
        ),
        (
            {
                "backbone.in_channels": 4,
                "data_preprocessor.mean": [127.0],
                "data_preprocessor.std": [60.0],
            },
            r"images of 4 channels, .* models for 3; .*backbone\.in_channels=3",
        ),
    ],
)
def test_what_one_pass_over_one_image_does_not_give_is_refused(changes, message):
    model, _ = build(**changes)
    with pytest.raises(ValueError, match=message):
        ExportableNetwork(model)


def test_description_says_how_images_are_resized():
    model, config = build()
    network = ExportableNetwork(model)
    rule = describe(network, config, None)["resize"]
    assert rule == dict(scale=[160, 96], keep_ratio=True, backend="pillow")
    assert describe(network, config, (64, 96))["resize"]["scale"] == [96, 64]
    load, resize, _ = config.test_dataloader.dataset.pipeline
    assert describe(network, config, None)["orientation"]
    load["color_type"] = "color_ignore_orientation"
    assert not describe(network, config, None)["orientation"]
    resize.pop("scale")
    with pytest.raises(ValueError, match=r"know one bilinear .* --size HxW"):
        describe(network, config, None)


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(ModuleNotFoundError, match=r"no_such_runtime: pip .*\[export\]"):
        require("no_such_runtime")


def test_a_torch_without_free_sizes_is_too_old(monkeypatch):
    monkeypatch.delattr(torch.export.Dim, "DYNAMIC")
    with pytest.raises(ImportError, match=r"torch 2\.6 or newer, .*: pip .*\[export\]"):
        require("onnx")
