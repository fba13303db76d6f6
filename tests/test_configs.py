"""Every semantic config trains a step and predicts; recipes are the paper's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_maskformer.adapters.build import build_network

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
LEAVES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.py")
    if not {"_base_", "mask2former"} & set(path.parts)
    and not re.search("panoptic|instance", path.stem)
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


# Trainable parameters with 150 classes; a class more or less is 257: one row
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


ROWS = [
    x
    for x in LEAVES
    if x.parts[0] == "maskformer" and x.stem.split("_")[1] in PARAMETERS
]


@pytest.mark.parametrize("leaf", ROWS, ids=lambda leaf: leaf.stem)
def test_parameters_are_those_of_the_paper(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    classes = config.model.decode_head.num_classes
    expected = PARAMETERS[leaf.stem.split("_")[1]] + 257 * (classes - 150)
    assert trainable(build(config)) == expected


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.stem)
def test_config_trains_a_step_and_predicts(leaf):
    torch.manual_seed(0)
    config = shallow(Config.fromfile(CONFIGS / leaf))
    classes = config.model.decode_head.num_classes
    model = build(config).train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {x: x.detach().clone() for x in model.parameters()}
    losses = model.train_step(batch(classes), wrapper)
    assert torch.isfinite(losses["loss"])
    assert_groups(model, wrapper.optimizer.param_groups, config.optim_wrapper)
    for group in wrapper.optimizer.param_groups:
        assert 0.5 < step_length(before, group) / group["lr"] < 1.02
    void = {255} if "semantic_rule" in config.model.test_cfg else set()
    for sample in model.eval().test_step(batch(classes)):
        labels = sample.pred_sem_seg.data
        assert labels.shape == (1, 50, 75)
        assert set(labels.unique().tolist()) <= {*range(classes), *void}


def shallow(config):
    """The config with few blocks; every width stays."""
    backbone = config.model.backbone
    if "depths" in backbone:
        backbone.depths = (2, 2, 2, 2)
    if backbone.get("depth") == 101:
        backbone.depth = 50
    return config


def batch(classes):
    """What a data loader gives: two images of 64 x 96 that had 50 x 75."""
    meta = dict(img_shape=(64, 96), ori_shape=(50, 75), img_path="x")
    samples = [SegDataSample(metainfo=dict(meta)) for _ in range(2)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.randint(classes, (1, 64, 96)))
    images = [torch.randint(256, (3, 64, 96), dtype=torch.uint8) for _ in samples]
    return dict(inputs=images, data_samples=samples)


def step_length(before, group):
    """How far the first step of AdamW took a group, beside its decay.

    That is lr * g / (|g| + 1e-8): the learning rate where the gradient is not tiny.
    """
    kept = 1 - group["lr"] * group["weight_decay"]
    return max((x.detach() - kept * before[x]).abs().max() for x in group["params"])


NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def assert_groups(model, groups, wrapper):
    """Every trainable parameter has the learning rate and decay of its place."""
    free = {
        x
        for owner in model.modules()
        for name, x in owner.named_parameters(recurse=False)
        if isinstance(owner, (*NORMS, nn.Embedding)) or name.endswith("bias_table")
    }
    found = {x: (g["lr"], g["weight_decay"]) for g in groups for x in g["params"]}
    lr, decay = wrapper.optimizer.lr, wrapper.optimizer.weight_decay
    assert found == {
        x: (
            lr * wrapper.paramwise_cfg.backbone_lr_mult ** name.startswith("backbone."),
            0 if x in free else decay,
        )
        for name, x in model.named_parameters()
        if x.requires_grad
    }


def test_preprocessor_stands_in_the_model_alone():
    """One beside the model would take its place under the hosts' own ``--tta``."""
    leaves = [path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts]
    assert len(leaves) > len(LEAVES)
    for path in leaves:
        assert "data_preprocessor" not in Config.fromfile(path), path


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
    config = dict(
        type="MaskFormer",
        pixel_decoder=dict(type="FPNPixelDecoder", encoder=encoder),
        transformer_decoder=dict(type="TransformerDecoder"),
    )
    network = build_network(config, in_channels=[256, 512, 1024, 2048], num_classes=133)
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
# crop, label of the padding, scale in evaluation
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


# folders and suffix of a data set
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
