"""Every study config has the parts that its name says, and differs in nothing else."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.fixed_assigner import FixedAssigner
from mmseg_maskformer.core.pixel_criterion import PixelCriterion
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
STUDIES = {path.stem: path for path in (CONFIGS / "studies").rglob("*.py")}
SEMANTIC = sorted(name for name in STUDIES if "panoptic" not in name)
SCENES = [name for name in SEMANTIC if "_scenes-" in name]
QUERIES = {20: 50, 150: 100, 847: 100}  # of MaskFormer on scenes, by classes


@cache
def read(name):
    """The config, to be left as it is."""
    return Config.fromfile(STUDIES[name])


def build(config, device="meta"):
    """The model; without values where only its parts are looked at."""
    init_default_scope("mmseg")
    config.model.backbone.init_cfg = None
    with torch.device(device):
        return MODELS.build(config.model)


def words(name):
    """Method, the words behind the backbone, data set: "maskformer", ["20q"], ..."""
    name = re.sub(r"-\d+x\d+$", "", name)
    method, variant, data = re.fullmatch(
        r"(.+?)_(?:tiny|r50|r101)((?:-\w+?)*)_(?:\w+-\w+_)?([a-z0-9-]+)", name
    ).groups()
    return method, variant.split("-")[1:], data


def classes_of(name):
    """K as the data set is known to have it."""
    given = {"ade20k": 150, "cityscapes": 19}
    data = words(name)[2]
    return int(data.split("-")[1]) if data.startswith("scenes") else given[data]


def queries_of(name):
    """How many queries a name promises; None where there are none."""
    method, variant, data = words(name)
    numbers = [int(word[:-1]) for word in variant if re.fullmatch(r"\d+q", word)]
    if numbers:
        return numbers[0]
    if method == "per_pixel_baseline":
        return None
    if method == "per_pixel_baseline_plus" or "fixed" in variant:
        return classes_of(name)
    return QUERIES[classes_of(name)] if data.startswith("scenes") else 100


@pytest.fixture(scope="module")
def models():
    """Each model once."""
    return {name: build(read(name)) for name in SEMANTIC}


@pytest.mark.parametrize("name", SEMANTIC)
def test_number_of_queries_is_that_of_the_name(name, models):
    head = models[name].decode_head
    assert head.num_classes == classes_of(name)
    decoder = head.network.transformer_decoder
    found = None if decoder is None else len(decoder.query_embed.weight)
    assert found == queries_of(name)


@pytest.mark.parametrize("name", SEMANTIC)
def test_criterion_is_that_of_the_name(name, models):
    method, variant, _ = words(name)
    criterion = models[name].decode_head.criterion
    assert isinstance(criterion, PixelCriterion) == method.startswith("per_pixel")
    if method == "maskformer":
        expected = FixedAssigner if "fixed" in variant else HungarianAssigner
        assert type(criterion.assigner) is expected
        assert not models[name].decode_head.network.with_boxes
        return
    terms = (criterion.weight, criterion.loss_mask, criterion.loss_dice)
    if "masks" in variant:  # those of MaskFormer, and no cross-entropy
        found = [criterion.weight, *(x.weight for x in terms[1:])]
        assert found == [0.0, 20.0, 1.0]
    else:
        assert terms == (1.0, None, None)


@pytest.mark.parametrize("name", SEMANTIC)
def test_decoder_layers_are_those_of_the_name(name, models):
    decoder = models[name].decode_head.network.transformer_decoder
    if decoder is None:
        return
    _, variant, data = words(name)
    usual = 2 if data.startswith("scenes") else 6
    numbers = [int(word[:-3]) for word in variant if re.fullmatch(r"\ddec", word)]
    assert len(decoder.layers) == (numbers or [usual])[0]
    without = [layer.self_attention is None for layer in decoder.layers]
    assert without == ["noself" in variant] * len(decoder.layers)


@pytest.mark.parametrize("name", SEMANTIC)
def test_rule_of_inference_is_that_of_the_name(name, models):
    options = models[name].prediction_options()
    general = "general" in words(name)[1]
    assert options.semantic_rule == ("general" if general else "semantic")
    assert options.object_mask_thr == 0.3  # paper Table VII


@pytest.mark.parametrize("name", SCENES)
def test_classes_of_scenes_have_one_place(name):
    config = read(name)
    scene = config.train_dataloader.dataset.scene
    total = scene.num_things + scene.num_stuff
    assert total == config.model.decode_head.num_classes == classes_of(name)
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
    config, usual = read(name), read(f"maskformer_tiny_scenes-{classes_of(name)}")
    for key in (*RECIPE, "val_dataloader", "val_evaluator", "randomness"):
        assert config[key] == usual[key]
    assert config.train_cfg.max_iters == 3000
    assert config.train_dataloader.batch_size == 4


def test_every_class_occurs_in_evaluation():
    """Scene n shows thing n and stuff n, counted round: 424 scenes, 424 and 423."""
    dataset = read("maskformer_tiny_scenes-847").val_dataloader.dataset
    assert dataset.num_images == dataset.scene.num_things == 424
    assert dataset.scene.num_stuff == 423


def parameters(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_by_arithmetic(models):
    """With 150 classes and 64 channels, differences from MaskFormer's 100 queries."""
    size = {name: parameters(models[name]) for name in SCENES}
    usual = size["maskformer_tiny_scenes-150"]
    assert size["maskformer_tiny-300q_scenes-150"] - usual == 200 * 64
    assert size["maskformer_tiny-fixed_scenes-150"] - usual == 50 * 64
    # 50 queries more, and no class head: 151 outputs of 64 weights and a bias
    plus = size["per_pixel_baseline_plus_tiny_scenes-150"]
    assert plus - usual == 50 * 64 - 151 * 65
    assert size["per_pixel_baseline_plus_tiny-masks_scenes-150"] == plus
    # Attention is four matrices of 64 x 64 with a bias, and a norm.
    attention = 4 * (64 * 64 + 64) + 2 * 64
    six, without = (f"maskformer_tiny-6dec{x}_scenes-150" for x in ("", "-noself"))
    assert size[six] - size[without] == 6 * attention
    # A layer has two of those, and 64 -> 256 -> 64 with biases and a norm.
    layer = 2 * attention + (64 * 256 + 256) + (256 * 64 + 64) + 2 * 64
    assert size[six] - usual == 4 * layer
    assert usual - size["maskformer_tiny-1dec_scenes-150"] == layer


def test_parameters_of_the_per_pixel_baseline_by_arithmetic(models):
    """It ends with the pixel decoder, and 64 weights and a bias for each class."""
    for classes in (20, 150, 847):
        network = models[
            f"per_pixel_baseline_tiny_scenes-{classes}"
        ].decode_head.network
        own = parameters(network) - parameters(network.pixel_decoder)
        assert own == classes * 65


def test_parameters_on_ade20k_by_arithmetic(models):
    """Of the paper's 41,254,743, with 256 channels."""
    usual = 41_254_743
    for name, difference in {
        "maskformer_r50-1000q": 900 * 256,
        "maskformer_r50-20q": -80 * 256,
        "maskformer_r50-fixed": 50 * 256,
        "maskformer_r50-general": 0,
        "maskformer_r50-noself": -6 * (4 * (256 * 256 + 256) + 2 * 256),
    }.items():
        model = models[f"{name}_8xb2-160k_ade20k-512x512"]
        found = sum(x.numel() for x in model.parameters() if x.requires_grad)
        assert found == usual + difference


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_a_step_on_scenes_lowers_the_loss(name):
    """Of the same four scenes, after a few steps."""
    torch.manual_seed(0)
    config = read(name)
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
    config = read("maskformer_tiny_scenes-20")
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
