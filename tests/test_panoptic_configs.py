"""Every panoptic or instance config trains and predicts; recipes are the paper's."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    DATASETS,
    PARAM_SCHEDULERS,
    DefaultScope,
    init_default_scope,
)

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.datasets.utils import get_loading_pipeline
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample

from mmseg_maskformer.adapters.panoptic_options import PanopticOptions
from tests.conftest import REPOSITORY
from tests.helpers.configs import (
    trainable,
    without_values,
)
from tests.helpers.panoptic_configs import (
    assert_leaf_trains_and_predicts,
    build_panoptic,
)

CONFIGS = REPOSITORY / "configs"
LEAVES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.py")
    if not {"_base_", "peers", "mask2former"} & set(path.parts)
    and re.search("panoptic|instance", path.stem)
    and "lsj" not in path.stem  # in float16, on a GPU
)
pytestmark = pytest.mark.mmdet


def leaf(name):
    return Config.fromfile(CONFIGS / f"maskformer/maskformer_{name}.py")


def slow_if_large(names):
    """The same parameters, those of Swin-L marked."""
    marks = {True: pytest.mark.slow, False: ()}
    return [
        pytest.param(x, marks=marks["swin-l" in str(x)], id=str(x).split("/")[-1])
        for x in names
    ]


# Trainable parameters: of ResNets as stated for 133 and 150 classes, of Swin
# for 150 less 17 * 257 (a row of the class head and its bias for each class).
PARAMETERS = {
    "r50-6enc_64xb1-554k_coco-panoptic": 45_012_038,
    "r101-6enc_64xb1-554k_coco-panoptic": 63_951_942,
    "swin-t_64xb1-554k_coco-panoptic": 41_752_640,
    "swin-s_64xb1-554k_coco-panoptic": 63_070_544,
    "swin-b-in1k_64xb1-554k_coco-panoptic": 101_825_022,
    "swin-b-in22k_64xb1-554k_coco-panoptic": 101_825_022,
    "swin-l-in22k_64xb1-554k_coco-panoptic": 211_571_258,
    "r50-6enc_8xb2-720k_ade20k-panoptic-640x640": 45_016_407,
    "r101-6enc_8xb2-720k_ade20k-panoptic-640x640": 63_956_311,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_paper(name):
    with without_values():
        assert trainable(build_panoptic(leaf(name))) == PARAMETERS[name]


@pytest.mark.parametrize("path", slow_if_large(LEAVES))
def test_config_trains_a_step_and_predicts(path):
    assert_leaf_trains_and_predicts(path)


class Recipe(NamedTuple):
    """A row of the paper's settings."""

    lr: float
    decay: float
    backbone: float
    steps: int
    images: int
    threshold: float
    divisor: int
    cap: int


RESNET = Recipe(1e-4, 1e-4, 0.1, 554_400, 64, 0.8, 1, 1333)
SWIN = Recipe(6e-5, 0.01, 1.0, 554_400, 64, 0.8, 1, 1333)
ADE = Recipe(1e-4, 1e-4, 0.1, 720_000, 16, 0.7, 32, 2560)
RECIPES = {
    "r50-6enc_64xb1-554k_coco-panoptic": RESNET,
    "r101-6enc_64xb1-554k_coco-panoptic": RESNET,
    "swin-t_64xb1-554k_coco-panoptic": SWIN,
    "swin-s_64xb1-554k_coco-panoptic": SWIN,
    "swin-b-in1k_64xb1-554k_coco-panoptic": SWIN,
    "swin-b-in22k_64xb1-554k_coco-panoptic": SWIN,
    "swin-l-in22k_64xb1-554k_coco-panoptic": SWIN._replace(cap=1000),
    "r50-6enc_8xb2-720k_ade20k-panoptic-640x640": ADE,
    "r101-6enc_8xb2-720k_ade20k-panoptic-640x640": ADE,
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_of_every_row_of_the_paper(name):
    config, recipe = leaf(name), RECIPES[name]
    wrapper, model = config.optim_wrapper, config.model
    thresholds = PanopticOptions.read(model.get("test_cfg", {}))
    gpus, batch_size = map(int, re.search(r"_(\d+)xb(\d)-", name).groups())
    (resize,) = [x for x in config.train_pipeline if x.type == "RandomChoiceResize"]
    assert recipe == Recipe(
        lr=wrapper.optimizer.lr,
        decay=wrapper.optimizer.weight_decay,
        backbone=wrapper.paramwise_cfg.backbone_lr_mult,
        steps=config.train_cfg.max_iters,
        images=gpus * batch_size,
        threshold=thresholds.object_mask_thr,
        divisor=model.data_preprocessor.pad_size_divisor,
        cap=max(scale[0] for scale in resize.scales),
    )
    assert (wrapper.optimizer.type, wrapper.clip_grad.max_norm) == ("AdamW", 0.01)
    assert config.auto_scale_lr.base_batch_size == recipe.images
    assert config.train_dataloader.batch_size == batch_size
    assert thresholds.iou_thr == 0.8
    assert model.backbone.get("drop_path_rate") == (0.3 if "swin" in name else None)
    test_scale = (2560, 640) if "ade20k" in name else (1333, 800)
    assert config.val_dataloader.dataset.pipeline[1].scale == test_scale
    assert config.train_dataloader.dataset.pipeline == config.train_pipeline
    assert config.test_dataloader == config.val_dataloader


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("r50-6enc_64xb1-554k_coco-panoptic", (50, 70)),
        ("r50-6enc_8xb2-720k_ade20k-panoptic-640x640", (64, 96)),
    ],
)
def test_padding_in_the_model(name, size):
    init_default_scope("mmdet")
    preprocessor = MODELS.build(leaf(name).model.data_preprocessor)
    image = torch.full((3, 50, 70), 255, dtype=torch.uint8)
    packed = dict(inputs=[image], data_samples=[DetDataSample()])
    inputs = preprocessor(packed, training=False)["inputs"]
    assert inputs.shape == (1, 3, *size)
    red = (255 - 123.675) / 58.395
    assert inputs[0, 0, :50, :70].unique().tolist() == [pytest.approx(red, rel=1e-6)]
    assert not inputs[..., 50:, :].any()
    assert not inputs[..., 70:].any()


@pytest.mark.parametrize("name", ["r50-6enc", "swin-t"])
def test_learning_rate_on_coco_falls_once(name):
    config = leaf(f"{name}_64xb1-554k_coco-panoptic")
    base = config.optim_wrapper.optimizer.lr
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    schedulers = [
        PARAM_SCHEDULERS.build(settings, default_args={"optimizer": optimizer})
        for settings in config.param_scheduler
    ]
    rates = {0: optimizer.param_groups[0]["lr"] / base}
    for step in [*range(1, 1502), *range(369_598, 369_602), 554_399]:
        optimizer.step()
        for scheduler in schedulers:
            scheduler._global_step = scheduler.last_step = step - 1
            scheduler.step()
        rates[step] = optimizer.param_groups[0]["lr"] / base
    for step in (0, 1, 750, 1499):  # w0 (1 - t / tw) + t / tw
        warm = 1e-6 * (1 - step / 1500) + step / 1500 if name == "swin-t" else 1
        assert rates[step] == pytest.approx(warm, rel=1e-6)
    assert rates[1500] == rates[369_599] == pytest.approx(1)
    assert rates[369_600] == rates[554_399] == pytest.approx(0.1)


def test_nuclei_as_instances_go_through_the_hosts_pipeline(configured_data):
    torch.manual_seed(0)
    np.random.seed(0)
    config = leaf("r18-6enc_1xb4-5k_dsb2018-instance")
    assert config.model.num_stuff_classes == 0
    model = build_panoptic(config).train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    with DefaultScope.overwrite_default_scope("mmdet"):
        train = DATASETS.build(config.train_dataloader.dataset)
        val = DATASETS.build(config.val_dataloader.dataset)
        packed = pseudo_collate([train[0], train[1]])
        tested = pseudo_collate([val[0]])
    assert (len(train), len(val)) == (433, 105)
    for sample in packed["data_samples"]:
        masks = sample.gt_instances.masks
        assert masks.masks.shape[1:] == tuple(sample.img_shape)
        assert len(masks) == len(sample.gt_instances.labels) > 0
        assert masks.masks.any(axis=(1, 2)).all()  # none is cropped away
    losses = model.train_step(packed, wrapper)
    assert torch.isfinite(losses["loss"])
    (sample,) = model.eval().test_step(tested)
    assert sample.pred_instances.masks.shape == (100, *sample.ori_shape)
    assert "pred_panoptic_seg" not in sample
    assert "pred_sem_seg" not in sample


def test_the_hosts_analyze_results_finds_what_loads_nuclei():
    """The tool knows transforms by their class, those of the training."""
    init_default_scope("mmdet")
    config = leaf("r18-6enc_1xb4-5k_dsb2018-instance")
    found = get_loading_pipeline(config.train_dataloader.dataset.pipeline)
    assert [step.type for step in found] == ["LoadImageFromFile", "LoadAnnotations"]
