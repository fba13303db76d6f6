"""Every study config has the parts of its row, and differs in nothing else."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.fixed_assigner import FixedAssigner
from tests.helpers.study_configs import STUDIES, read_study

SEMANTIC = sorted(name for name in STUDIES if "panoptic" not in name)
SCENES = [name for name in SEMANTIC if "_scenes-" in name]


class Study(NamedTuple):
    """What a config has: classes, queries, assigner and losses."""

    classes: int
    queries: int | None
    assigner: type | None
    cross_entropy: bool
    masks: bool


def maskformer(classes, queries):
    return Study(classes, queries, HungarianAssigner, False, True)


def fixed(classes):
    return Study(classes, classes, FixedAssigner, False, True)


def per_pixel(classes, queries=None, masks=False):
    return Study(classes, queries, None, not masks, masks)


EXPECTED = {
    "maskformer_tiny_scenes-20": maskformer(20, 50),
    "maskformer_tiny_scenes-150": maskformer(150, 100),
    "maskformer_tiny_scenes-847": maskformer(847, 100),
    "maskformer_r50-fixed_8xb2-160k_ade20k-512x512": fixed(150),
    "maskformer_efficientnet-lite0-fixed_1xb4-2k_camvid-256x256": fixed(11),
    "maskformer_efficientnet-lite0-fixed_1xb8-3k_ccp-256x192": fixed(55),
    "per_pixel_baseline_plus_r50-masks_8xb2-160k_ade20k-512x512": per_pixel(
        150, 150, masks=True
    ),
    "per_pixel_baseline_plus_tiny-masks_scenes-150": per_pixel(150, 150, masks=True),
    "per_pixel_baseline_plus_r101_8xb2-90k_cityscapes-512x1024": per_pixel(19, 19),
    "per_pixel_baseline_r101_8xb2-90k_cityscapes-512x1024": per_pixel(19),
}
for classes in (20, 150, 847):
    EXPECTED |= {
        f"maskformer_tiny-fixed_scenes-{classes}": fixed(classes),
        f"per_pixel_baseline_tiny_scenes-{classes}": per_pixel(classes),
        f"per_pixel_baseline_plus_tiny_scenes-{classes}": per_pixel(classes, classes),
    }


def build(config, device="meta"):
    """The model; without values where only its parts are looked at."""
    init_default_scope("mmseg")
    config.model.backbone.init_cfg = None
    with torch.device(device):
        return MODELS.build(config.model)


@pytest.fixture(scope="module")
def models():
    """Each model once."""
    return {name: build(read_study(name)) for name in SEMANTIC}


def test_every_config_is_known():
    assert sorted(EXPECTED) == SEMANTIC


@pytest.mark.parametrize("name", EXPECTED)
def test_parts_of_every_study(name, models):
    head = models[name].decode_head
    decoder, criterion = head.network.transformer_decoder, head.criterion
    masks = criterion.loss_mask is not None
    assert (
        Study(
            classes=head.num_classes,
            queries=None if decoder is None else len(decoder.query_embed.weight),
            assigner=type(criterion.assigner)
            if hasattr(criterion, "assigner")
            else None,
            cross_entropy=bool(getattr(criterion, "weight", 0.0)),
            masks=masks,
        )
        == EXPECTED[name]
    )
    if masks:
        weights = criterion.loss_mask.weight, criterion.loss_dice.weight
        assert weights == (20.0, 1.0)
    if decoder is not None:
        assert len(decoder.layers) == (2 if "scenes" in name else 6)
        assert all(layer.self_attention is not None for layer in decoder.layers)


@pytest.mark.parametrize("name", SCENES)
def test_classes_of_scenes_have_one_place(name):
    config = read_study(name)
    scene = config.train_dataloader.dataset.scene
    total = scene.num_things + scene.num_stuff
    assert total == config.model.decode_head.num_classes == EXPECTED[name].classes
    assert config.val_dataloader.dataset.scene == scene
    init_default_scope("mmseg")
    dataset = DATASETS.build(config.val_dataloader.dataset)
    assert len(dataset.metainfo["classes"]) == total
    void = dataset.ignore_index  # 255, or 65535 where that is a class
    assert config.model.data_preprocessor.seg_pad_val == void
    assert config.model.decode_head.get("ignore_index", 255) == void
    assert {x.get("ignore_index", 255) for x in config.val_evaluator} == {void}


RECIPE = ("train_dataloader", "optim_wrapper", "param_scheduler", "train_cfg")


@pytest.mark.parametrize("name", SCENES)
def test_models_on_the_same_scenes_are_trained_and_evaluated_alike(name):
    usual = read_study(f"maskformer_tiny_scenes-{EXPECTED[name].classes}")
    config = read_study(name)
    for key in (*RECIPE, "val_dataloader", "val_evaluator", "randomness"):
        assert config[key] == usual[key]
    assert config.train_cfg.max_iters == 3000
    assert config.train_dataloader.batch_size == 4


def test_every_class_occurs_in_evaluation():
    """Scene n shows thing n and stuff n, counted round: 424 scenes, 424 and 423."""
    dataset = read_study("maskformer_tiny_scenes-847").val_dataloader.dataset
    assert dataset.num_images == dataset.scene.num_things == 424
    assert dataset.scene.num_stuff == 423


def parameters(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_by_arithmetic(models):
    """With 150 classes and 64 channels, differences from MaskFormer's 100 queries."""
    size = {name: parameters(models[name]) for name in SCENES}
    usual = size["maskformer_tiny_scenes-150"]
    assert size["maskformer_tiny-fixed_scenes-150"] - usual == 50 * 64
    # 50 queries more, and no class head: 151 outputs of 64 weights and a bias
    plus = size["per_pixel_baseline_plus_tiny_scenes-150"]
    assert plus - usual == 50 * 64 - 151 * 65
    assert size["per_pixel_baseline_plus_tiny-masks_scenes-150"] == plus


def test_parameters_of_the_per_pixel_baseline_by_arithmetic(models):
    """It ends with the pixel decoder, and 64 weights and a bias for each class."""
    for classes in (20, 150, 847):
        network = models[
            f"per_pixel_baseline_tiny_scenes-{classes}"
        ].decode_head.network
        own = parameters(network) - parameters(network.pixel_decoder)
        assert own == classes * 65


def test_parameters_on_ade20k_by_arithmetic(models):
    """Of the paper's 41,254,743, with 256 channels: 50 queries more."""
    model = models["maskformer_r50-fixed_8xb2-160k_ade20k-512x512"]
    found = sum(x.numel() for x in model.parameters() if x.requires_grad)
    assert found == 41_254_743 + 50 * 256


@pytest.mark.parametrize(
    "name",
    [
        "maskformer_tiny-fixed_scenes-150",
        "per_pixel_baseline_tiny_scenes-847",
        "per_pixel_baseline_plus_tiny-masks_scenes-150",
    ],
)
def test_steps_on_scenes_lower_the_loss(name):
    """Of the same four scenes; `test_configs.py` has a step of every model."""
    torch.manual_seed(0)
    config = read_study(name)
    model = build(config, "cpu").train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    items = [dataset[index] for index in range(4)]
    batch = {key: [item[key] for item in items] for key in items[0]}
    steps = [model.train_step(batch, wrapper)["loss"] for _ in range(4)]
    losses = [float(loss.detach()) for loss in steps]
    assert losses[-1] < losses[0]


def test_miou_and_pq_come_from_one_run():
    """Half of class 3 is called 4: IoU 2 / 4 and 0 / 2; PQ: 0.5 is no match."""
    config = read_study("maskformer_tiny_scenes-20")
    init_default_scope("mmseg")
    evaluator = Evaluator(config.val_evaluator)
    evaluator.dataset_meta = dict(classes=[str(x) for x in range(20)])
    sample = SegDataSample(metainfo=dict(img_path="x"))
    truth = torch.tensor([[3, 3, 3, 3]])
    sample.gt_sem_seg = PixelData(data=truth[None])
    sample.pred_sem_seg = PixelData(data=torch.tensor([[[3, 3, 4, 4]]]))
    evaluator.process([sample])
    found = evaluator.evaluate(1)
    assert found["mIoU"] == pytest.approx(25.0)
    assert found["PQ"] == 0.0
