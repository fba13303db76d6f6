"""Every config builds, trains a step and predicts; recipes are the paper's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_maskformer.adapters.build import build_maskformer

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
LEAVES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.py")
    if "_base_" not in path.parts
)
ADE = Config.fromfile(CONFIGS / "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py")


def build(config):
    init_default_scope("mmseg")
    config.model.backbone.init_cfg = None
    if "pretrained" in config.model.backbone:
        config.model.backbone.pretrained = False
    return MODELS.build(config.model)


def trainable(module):
    return sum(x.numel() for x in module.parameters() if x.requires_grad)


# Trainable parameters with 150 classes (spec 9.1); a class more or less is 257: one row
# of the class head and its bias.
PARAMETERS = {
    "r50": 41_254_743,
    "r101": 60_194_647,
    "r101c": 60_318_039,
    "swin-t": 41_757_009,
    "swin-s": 63_074_913,
    "swin-b-in1k": 101_829_391,
    "swin-b-in22k": 101_829_391,
    "swin-l-in22k": 211_575_627,
}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.stem)
def test_config_builds_steps_and_predicts(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    num_classes = config.model.decode_head.num_classes
    model = build(config).train()
    backbone = leaf.stem.split("_")[1]
    if leaf.parent.name == "maskformer" and backbone in PARAMETERS:
        expected = PARAMETERS[backbone] + 257 * (num_classes - 150)
        assert trainable(model) == expected
    meta = dict(
        img_shape=(64, 96), pad_shape=(64, 96), ori_shape=(50, 75), img_path="x"
    )
    samples = [SegDataSample(metainfo=dict(meta)) for _ in range(2)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.randint(num_classes, (1, 64, 96)))
    images = torch.randn(2, 3, 64, 96)
    losses = model.loss(images, samples)
    total = sum(value for name, value in losses.items() if "loss" in name)
    total.backward()
    assert torch.isfinite(total)
    with torch.no_grad():
        result = model.eval().predict(images, samples)
    for sample in result:
        labels = sample.pred_sem_seg.data
        assert labels.shape == (1, 50, 75)
        assert 0 <= labels.min() <= labels.max() < num_classes


def test_parameters_of_r50_are_split_as_in_the_paper():
    model = build(ADE.copy())
    assert trainable(model.backbone) == 23_454_912
    assert trainable(model.decode_head) == 17_799_831


def test_r101c_has_the_deep_stem_and_the_dilations_of_the_paper():
    config = Config.fromfile(
        CONFIGS / "maskformer/maskformer_r101c_8xb2-160k_ade20k-512x512.py"
    )
    model = build(config).eval()
    backbone = model.backbone
    kernels = [x.weight.shape for x in backbone.stem if isinstance(x, nn.Conv2d)]
    assert kernels == [(64, 3, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3)]
    assert backbone.layer1[0].conv1.weight.shape == (64, 128, 1, 1)
    assert [x.shape[-1] for x in backbone(torch.zeros(1, 3, 64, 64))] == [16, 8, 4, 2]
    # Last stage, by its input's cells: the second and third block see 2 and 4 cells of
    # stride 2 to each side, the first one cell: 2 * (2 + 4) + 1 = 13 to each side.
    x = torch.randn(1, 1024, 40, 40, requires_grad=True)
    backbone.layer4(x)[0, :, 10, 10].sum().backward()
    rows, cols = x.grad[0].abs().sum(0).nonzero().unbind(1)
    assert (rows.min(), rows.max()) == (cols.min(), cols.max()) == (20 - 13, 20 + 13)


def test_parameters_of_the_encoder_variant_are_those_of_the_paper():
    encoder = dict(type="TransformerEncoder", num_layers=6)
    network = build_maskformer(
        in_channels=[256, 512, 1024, 2048],
        num_classes=133,
        pixel_decoder=dict(type="FPNPixelDecoder", encoder=encoder),
        transformer_decoder=dict(type="TransformerDecoder"),
    )
    assert trainable(network) == 21_557_126


def test_recipe_of_ade20k():
    # spec: AdamW 1e-4 / 1e-4, backbone a tenth, clip 0.01, 160k, poly 0.9, batch 16
    wrapper = ADE.optim_wrapper
    assert wrapper.optimizer.lr == wrapper.optimizer.weight_decay == 1e-4
    assert wrapper.paramwise_cfg.backbone_lr_mult == 0.1
    assert wrapper.clip_grad.max_norm == 0.01
    assert ADE.train_cfg.max_iters == 160_000
    assert ADE.param_scheduler[0].power == 0.9
    assert ADE.train_dataloader.batch_size * 8 == ADE.auto_scale_lr.base_batch_size
    assert ADE.model.backbone.norm_cfg == dict(type="BN", requires_grad=False)
    sides = [scale[1] for scale in ADE.train_pipeline[2].scales]
    assert sides == [
        *(256, 307, 358, 409, 460, 512, 563, 614),
        *(665, 716, 768, 819, 870, 921, 972, 1024),
    ]


# classes, void label, images a step, iterations, cap of the long side, short sides,
# crop, label of the padding, scale in evaluation (spec 6.2)
RECIPES = {
    "r50_8xb4-60k_coco-stuff10k-640x640": (
        *(171, 255, 32, 60_000, 2560),
        [64 * j for j in range(5, 16)],
        *((640, 640), 255, (2560, 640)),
    ),
    "r50_8xb2-200k_ade20k-full-512x512": (
        *(847, 65535, 16, 200_000, 2048),
        [int(51.2 * j) for j in range(5, 21)],
        *((512, 512), 65535, (2048, 512)),
    ),
    "r101_8xb2-90k_cityscapes-512x1024": (
        *(19, 255, 16, 90_000, 4096),
        [int(102.4 * j) for j in range(5, 21)],
        *((512, 1024), None, (2048, 1024)),
    ),
    "r50_8xb2-300k_mapillary-1280x1280": (
        *(65, 65, 16, 300_000, 8192),
        [int(204.8 * j) for j in range(5, 21)],
        *((1280, 1280), 65, (2048, 2048)),
    ),
    "swin-l-in22k_8xb2-160k_ade20k-640x640": (
        *(150, 255, 16, 160_000, 2560),
        [64 * j for j in range(5, 21)],
        *((640, 640), 255, (2560, 640)),
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_of_every_data_set(name):
    config = Config.fromfile(CONFIGS / f"maskformer/maskformer_{name}.py")
    classes, void, batch, steps, cap, sides, crop, pad, scale = RECIPES[name]
    head = config.model.decode_head
    assert (head.num_classes, head.get("ignore_index", 255)) == (classes, void)
    assert config.model.data_preprocessor.seg_pad_val == void
    assert config.val_evaluator.get("ignore_index", 255) == void
    assert config.train_dataloader.batch_size * int(name.split("_")[1][0]) == batch
    assert config.auto_scale_lr.base_batch_size == batch
    assert config.train_cfg.max_iters == steps
    pipeline = {step.type: step for step in config.train_dataloader.dataset.pipeline}
    assert pipeline["RandomChoiceResize"].scales == [(cap, side) for side in sides]
    assert pipeline["RandomCrop"].crop_size == crop
    found = (
        pipeline["Pad"] if pad is not None else dict(size=None, pad_val=dict(seg=None))
    )
    assert (found["size"], found["pad_val"]["seg"]) == (pad and crop, pad)
    steps = {step.type: step for step in config.val_dataloader.dataset.pipeline}
    assert steps["mmseg_maskformer.ResizeWithLabels"].scale == scale
    assert config.test_dataloader == config.val_dataloader


@pytest.mark.parametrize(
    "leaf", [x for x in LEAVES if "_8xb" in x.name], ids=lambda leaf: leaf.stem
)
def test_optimizer_of_every_row_of_the_paper(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    swin = config.model.backbone.type == "SwinTransformer"
    like_swin = swin or config.model.backbone.type == "TIMMBackbone"
    wrapper = config.optim_wrapper
    found = (wrapper.optimizer.lr, wrapper.optimizer.weight_decay)
    assert found == ((6e-5, 0.01) if like_swin else (1e-4, 1e-4))
    assert wrapper.paramwise_cfg.backbone_lr_mult == (1.0 if like_swin else 0.1)
    assert wrapper.clip_grad.max_norm == 0.01
    assert len(config.param_scheduler) == (2 if like_swin else 1)  # warm-up
    assert not swin or config.model.backbone.drop_path_rate == 0.3
    thousands = re.search(r"_8xb\d-(\d+)k_", leaf.stem)[1]
    assert config.train_cfg.max_iters == 1000 * int(thousands)
    head = config.model.decode_head
    assert head.get("ignore_index", 255) == config.model.data_preprocessor.seg_pad_val


# folders and suffix of a data set (spec 7)
FOLDERS = {
    "r50_8xb2-160k_ade20k-512x512": (
        *("images/training", "annotations/training"),
        *("images/validation", "annotations/validation"),
    ),
    "r50_8xb4-60k_coco-stuff10k-640x640": (
        *("images_detectron2/train", "annotations_detectron2/train"),
        *("images_detectron2/test", "annotations_detectron2/test"),
    ),
    "r50_8xb2-200k_ade20k-full-512x512": (
        *("images_detectron2/training", "annotations_detectron2/training"),
        *("images_detectron2/validation", "annotations_detectron2/validation"),
    ),
    "r101_8xb2-90k_cityscapes-512x1024": (
        *("leftImg8bit/train", "gtFine/train"),
        *("leftImg8bit/val", "gtFine/val"),
    ),
    "r50_8xb2-300k_mapillary-1280x1280": (
        *("training/images", "training/labels"),
        *("validation/images", "validation/labels"),
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_every_data_set(name):
    config = Config.fromfile(CONFIGS / f"maskformer/maskformer_{name}.py")
    sets = [config.train_dataloader.dataset, config.val_dataloader.dataset]
    found = [x.data_prefix[key] for x in sets for key in ("img_path", "seg_map_path")]
    assert tuple(found) == FOLDERS[name]
    assert {x.reduce_zero_label for x in sets} == {"_ade20k-512" in name}
    suffix = ".png" if "coco" in name else None
    assert {x.get("seg_map_suffix") for x in sets} == {suffix}
