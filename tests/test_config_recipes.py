"""Recipes of the semantic configs are the paper's: data, schedule, optimizer."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from tests.helpers.configs import ADE, CONFIGS, LEAVES


def test_batch_norm_of_resnet_is_frozen():
    assert ADE.model.backbone.norm_cfg == dict(type="BN", requires_grad=False)


# classes, void label, images a step, iterations, cap of the long side, short sides,
# crop, label of the padding, scale in evaluation
RECIPES = {
    "r50_8xb2-160k_ade20k-512x512": (
        *(150, 255, 16, 160_000, 2048),
        [int(51.2 * j) for j in range(5, 21)],
        *((512, 512), 255, (2048, 512)),
    ),
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
    swin = config.model.backbone.type == "mmseg.SwinTransformer"
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


def test_crops_are_padded_to_their_own_size():
    # MMSegmentation's crops are height x width, its Pad is width x height
    checked = []
    for path in sorted((CONFIGS / "_base_/datasets").glob("*.py")):
        steps = {x["type"]: x for x in Config.fromfile(path).get("train_pipeline", [])}
        if "mmseg_maskformer.LoadLabelMap" in steps and "Pad" in steps:
            height, width = steps["RandomCrop"]["crop_size"]
            assert steps["Pad"]["size"] == (width, height), path
            checked.append(path.stem)
    assert "ccp_256x192" in checked


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("r18_1xb4-4k_camvid-256x256", 256),
        ("efficientnet-lite0_1xb4-2k_camvid-256x256", 256),
        ("tiny_scenes", 128),
    ],
)
def test_rates_of_deeplab_are_those_of_its_crops(name, side):
    """The paper has 18 of 33 cells; a rate beyond the cells sees padding alone."""
    config = Config.fromfile(CONFIGS / f"peers/mmseg-deeplabv3plus_{name}.py")
    config.model.backbone.init_cfg = None
    init_default_scope("mmseg")
    model = MODELS.build(config.model).eval()
    cells = model.extract_feat(torch.zeros(1, 3, side, side))[-1].shape[-1]
    rates = model.decode_head.dilations
    assert max(rates) == round(18 / 33 * cells)  # 16: 8.7, 8: 4.4
    convs = [x for x in model.decode_head.aspp_modules.modules() if _is_dilated(x)]
    assert [x.dilation[0] for x in convs] == list(rates[1:])


def _is_dilated(module):
    return isinstance(module, torch.nn.Conv2d) and module.dilation != (1, 1)
