"""Every Mask2Former config builds; sizes and recipes are those of the paper's code."""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import NamedTuple

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from tests.conftest import REPOSITORY
from tests.helpers import configs
from tests.helpers.configs import trainable, without_values

FOLDER = REPOSITORY / "configs/mask2former"
NAMES = sorted(path.stem.removeprefix("mask2former_") for path in FOLDER.glob("*.py"))


def marked(names):
    """The same parameters, those of MMDetection's models marked."""
    marks = {True: pytest.mark.mmdet, False: ()}
    found = [bool(re.search("panoptic|instance", str(name))) for name in names]
    return [pytest.param(x, marks=marks[y]) for x, y in zip(names, found, strict=True)]


@cache
def read(name):
    """The config, to be left as it is."""
    return Config.fromfile(FOLDER / f"mask2former_{name}.py")


@cache
def built(name):
    """The model without values."""
    config = read(name)
    if config.default_scope == "mmdet":
        pytest.importorskip("mmdet")
    init_default_scope(config.default_scope)
    settings = copy.deepcopy(config.model)
    settings.backbone.init_cfg = None
    with without_values():
        return MODELS.build(settings)


# Trainable parameters with K classes; one more or less is 257: a row of the class head
# and its bias. Those of Swin-B and -L with 133 classes are of panoptic models.
SIZES = {
    "r50": (43_983_878, 133),
    "r50-syncbn": (44_007_700, 19),
    "r101": (62_923_782, 133),
    "swin-t": (47_435_264, 133),
    "swin-s": (68_753_168, 133),
    "swin-b": (106_917_822, 133),
    "swin-l": (215_488_779, 150),
    "swin-l-200q": (215_535_610, 133),
}
NORMS = 53_120, 105_344  # weights and biases of the batch norms of R50 and R101


def expected(name, classes):
    """Trainable parameters of a row."""
    backbone = name.split("_")[0].replace("-in1k", "").replace("-in22k", "")
    if backbone == "swin-l" and re.search("panoptic|instance", name):
        backbone = "swin-l-200q"
    extra = 0
    if backbone == "r101" and re.search("cityscapes|ade20k", name):
        extra = NORMS[1]
    elif backbone == "r50" and "cityscapes" in name:
        backbone = "r50-syncbn"
    total, known = SIZES[backbone]
    return total + extra + 257 * (classes - known)


ROWS = [name for name in NAMES if re.match(r"(r50|r101|swin-.*?)_", name)]


@pytest.mark.parametrize("name", marked(ROWS))
def test_parameters_are_those_of_the_paper(name):
    model = built(name)
    classes = getattr(model, "num_classes", None) or model.decode_head.num_classes
    assert trainable(model) == expected(name, classes)


class Recipe(NamedTuple):
    """A row of the table of settings, with iterations and steps of the rate."""

    iterations: int
    steps: tuple[int, ...]
    size: tuple[int, int]
    test_scale: tuple[int, int]
    queries: int
    thresholds: tuple[float, float] | None


def recipe_of(name):
    """Table of the paper's code, by the words of a name."""
    large, semantic = name.startswith("swin-l"), not re.search("panopt|instance", name)
    iterations, steps = {
        "lsj-50e": (368_750, (327_778, 355_092)),
        "lsj-100e": (737_500, (655_556, 710_184)),
        "160k": (160_000, ()),
        "90k": (90_000, ()),
        "300k": (300_000, ()),
    }[re.search(r"xb\d-(.+?)_", name)[1]]
    size, test_scale = {
        "coco": ((1024, 1024), (1333, 800)),
        "ade20k-512x512": ((512, 512), (2048, 512)),
        "ade20k": ((640, 640), (2560, 640)),
        "cityscapes": ((512, 1024), (2048, 1024)),
        "mapillary": ((1024, 1024), (2048, 2048)),
    }[re.search("ade20k-512x512|ade20k|coco|cityscapes|mapillary", name)[0]]
    queries = 200 if large and not semantic else 100
    panoptic = "panoptic" in name
    thresholds = (0.0 if "mapillary" in name else 0.8, 0.8) if panoptic else None
    return Recipe(iterations, steps, size, test_scale, queries, thresholds)


def size_of(config):
    """Height and width of the training images, by the transform that gives them."""
    by_name = {step.type.split(".")[-1]: step for step in config.train_pipeline}
    for name in ("LargeScaleJitter", "RandomWindow", "Pad"):
        if name in by_name:
            return tuple(by_name[name].size)
    width_first = config.default_scope == "mmdet"  # Cityscapes is not padded
    return tuple(by_name["RandomCrop"].crop_size)[:: -1 if width_first else 1]


@pytest.mark.parametrize("name", marked(ROWS))
def test_recipe_of_every_row(name):
    config, model = read(name), built(name)
    (schedule,) = config.param_scheduler  # no warm-up
    resize = [x for x in config.test_pipeline if "Resize" in x.type]
    trained = [x for x in config.train_pipeline if "Resize" in x.type]
    kinds = {x.get("resize_type", x.type) for x in [*resize, *trained]}
    assert kinds == {"mmseg_maskformer.ResizeWithLabels"}  # Pillow's averages
    is_panoptic = "panoptic" in name
    options = model.prediction_options()
    assert recipe_of(name) == Recipe(
        iterations=config.train_cfg.max_iters,
        steps=tuple(schedule.get("milestones", ())),
        size=size_of(config),
        test_scale=tuple(resize[0].scale),
        queries=model.decode_head.network.transformer_decoder.num_queries,
        thresholds=(options.object_mask_thr, options.iou_thr) if is_panoptic else None,
    )
    if is_panoptic:
        assert options.panoptic_rule == "mask2former"
    gpus, images = map(int, re.search(r"_(\d+)xb(\d)-", name).groups())
    assert config.train_dataloader.batch_size == images
    assert gpus * images == config.auto_scale_lr.base_batch_size == 16
    assert config.train_dataloader.dataset.pipeline == config.train_pipeline
    assert config.val_dataloader.dataset.pipeline == config.test_pipeline


@pytest.mark.parametrize("name", marked(ROWS))
def test_optimizer_of_every_row(name):
    """AdamW at 1e-4, weight decay 0.05, a tenth for every backbone, float16."""
    config = read(name)
    wrapper = config.optim_wrapper
    assert (wrapper.type, wrapper.dtype) == ("AmpOptimWrapper", "float16")
    assert wrapper.loss_scale == "dynamic"
    optimizer = wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == (
        *("AdamW", 1e-4, 0.05),
    )
    assert wrapper.paramwise_cfg == dict(backbone_lr_mult=0.1)
    assert wrapper.clip_grad == dict(max_norm=0.01, norm_type=2)
    padding = config.model.data_preprocessor
    assert 32 in (padding.get("size_divisor"), padding.get("pad_size_divisor"))
    backbone = config.model.backbone
    assert backbone.get("drop_path_rate") == (0.3 if "swin" in name else None)


def test_decay_spares_norms_and_learned_queries():
    """And not the levels of the pixel decoder, which are no embedding table there."""
    model = built("r50_8xb2-160k_ade20k-512x512")
    settings = dict(read("r50_8xb2-160k_ade20k-512x512").optim_wrapper)
    for key in ("dtype", "loss_scale"):
        settings.pop(key)
    optimizer = dict(settings.pop("optimizer"), fused=False)
    settings |= dict(type="OptimWrapper", optimizer=optimizer)
    wrapper = build_optim_wrapper(model, settings)
    names = {id(x): name for name, x in model.named_parameters()}
    decayed = {
        names[id(x)]: group["weight_decay"]
        for group in wrapper.optimizer.param_groups
        for x in group["params"]
    }
    network = "decode_head.network."
    decoder = f"{network}transformer_decoder."
    for name in ("query_content.weight", "query_embed.weight", "level_embed.weight"):
        assert decayed[decoder + name] == 0
    assert decayed[decoder + "norm.weight"] == 0
    (levels,) = [x for x in decayed if "pixel_decoder" in x and "level_embed" in x]
    assert decayed[levels] == decayed[f"{network}class_head.weight"] == 0.05


SMALL = [name for name in NAMES if name not in ROWS]


@pytest.mark.parametrize("name", marked(SMALL))
def test_small_models_have_the_backbone_and_data_of_maskformer(name):
    """They differ in network, losses, panoptic rule and, pretrained, the rate."""
    decoder = built(name).decode_head.network.transformer_decoder
    assert decoder.num_queries == (20 if "tiny" in name else 100)
    folder = "demo" if "tiny" in name else "maskformer"
    twin = re.sub(r"(_1xb4-\w+_dsb)", r"-6enc\1", name)
    path = REPOSITORY / f"configs/{folder}/maskformer_{twin}.py"
    ours, theirs = read(name), Config.fromfile(path)
    for key in ("train_dataloader", "val_dataloader", "param_scheduler", "train_cfg"):
        assert ours[key] == theirs[key]
    if name.startswith("efficientnet"):
        rate = 2e-4 if "dsb2018" in name else 3e-4
        assert theirs.optim_wrapper.optimizer.pop("lr") == rate
        assert ours.optim_wrapper.optimizer.pop("lr") == 1e-3
    assert ours.optim_wrapper == theirs.optim_wrapper
    assert ours.model.backbone == theirs.model.backbone
    assert ours.model.decode_head.in_channels == theirs.model.decode_head.in_channels


@pytest.mark.parametrize("name", marked(SMALL))
def test_small_models_train_a_step_and_predict(name):
    kind = configs
    if re.search("panoptic|instance", name):
        kind = pytest.importorskip("tests.helpers.panoptic_configs")
    kind.assert_leaf_trains_and_predicts(FOLDER / f"mask2former_{name}.py")


@pytest.mark.mmdet
def test_maskformer_by_this_recipe():
    """It differs from Mask2Former R50 in its network, and from MaskFormer in losses."""
    pytest.importorskip("mmdet")
    path = "configs/maskformer/maskformer_r50-6enc_8xb2-lsj-50e_coco-instance.py"
    config = Config.fromfile(REPOSITORY / path)
    peer = read("r50_8xb2-lsj-50e_coco-instance")
    for key in ("train_dataloader", "val_dataloader", "optim_wrapper", "train_cfg"):
        assert config[key] == peer[key]
    assert config.model.decode_head.criterion == peer.model.decode_head.criterion
    assert config.param_scheduler == peer.param_scheduler
    init_default_scope("mmdet")
    config.model.backbone.init_cfg = None
    with torch.device("meta"):
        model = MODELS.build(config.model)
    assert trainable(model) == 45_012_038 + 257 * (80 - 133)
