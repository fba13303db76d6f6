"""Every row of Mask2Former's ablations trains a step and predicts, on scenes."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.optim import build_optim_wrapper

pytest.importorskip("mmdet")
from tests.conftest import REPOSITORY
from tests.helpers.ablations import (
    ABLATION_ROWS,
    ABLATIONS,
    COCO_CONFIG,
    SCENES_CONFIG,
    read_ablation,
)
from tests.helpers.configs import build as build_semantic
from tests.helpers.panoptic_configs import (
    assert_results,
    build_panoptic,
    panoptic_batch,
)

ON_SCENES = sorted((REPOSITORY / ABLATIONS).glob("*_scenes-panoptic.py"))
CASES = [(x.stem, f"{ABLATIONS}/{x.name}", "") for x in ON_SCENES]
# pixel decoders have configurations of their own on scenes
CASES += [
    (name, SCENES_CONFIG, options)
    for name, options in ABLATION_ROWS.items()
    if "pixel_decoder" not in options and name not in ("300 queries", "1000 queries")
]
DECODER = "decode_head.network.transformer_decoder"
pytestmark = pytest.mark.mmdet


@pytest.mark.parametrize(
    ("path", "options"), [x[1:] for x in CASES], ids=[x[0] for x in CASES]
)
def test_a_row_trains_a_step_and_predicts(path, options):
    torch.manual_seed(0)
    config = deepcopy(read_ablation(path, options))
    model = build_panoptic(config).train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: x.detach().clone() for name, x in model.named_parameters()}
    losses = model.train_step(panoptic_batch(model), wrapper)
    assert torch.isfinite(losses["loss"])
    after = dict(model.named_parameters())
    still = {name for name in after if torch.equal(after[name], before[name])}
    # where content is zero, attention among queries has nothing to norm
    assert still <= {f"{DECODER}.layers.0.self_attention.norm.weight"}
    supervised = sum(name.endswith("loss_mask") for name in losses)
    decoder = model.decode_head.network.transformer_decoder
    first = getattr(decoder, "content", "zero") == "supervised"
    assert supervised == len(decoder.layers) + first
    with torch.no_grad():
        samples = model.eval().test_step(panoptic_batch(model))
    for sample in samples:
        assert_results(sample, model)


@pytest.mark.parametrize("path", ON_SCENES, ids=lambda path: path.stem)
def test_rows_on_scenes_are_trained_and_evaluated_alike(path):
    usual = read_ablation(SCENES_CONFIG)
    config = read_ablation(f"{ABLATIONS}/{path.name}")
    keys = ("train_dataloader", "val_dataloader", "val_evaluator", "randomness")
    for key in (*keys, "optim_wrapper", "param_scheduler", "train_cfg"):
        assert config[key] == usual[key]
    assert config.model.decode_head.criterion == usual.model.decode_head.criterion
    assert config.model.test_cfg == usual.model.test_cfg
    assert config.train_cfg.max_iters == 3000
    assert config.param_scheduler[-1].end == 3001


def test_memories_on_scenes_have_three_sizes():
    config = deepcopy(read_ablation(SCENES_CONFIG))
    model = build_panoptic(config).eval()
    with torch.no_grad():
        features = model.extract_feat(torch.zeros(1, 3, 128, 128))
        pixels = model.decode_head.network.pixel_decoder(features)
    assert [x.shape[-1] for x in pixels.memories] == [4, 8, 16]


# trainable parameters of MaskFormer as released
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("maskformer_r50-6enc_8xb2-lsj-50e_coco-panoptic", 45_012_038),
        ("maskformer_r50-points_8xb2-160k_ade20k-512x512", 41_254_743),
    ],
)
def test_maskformer_by_this_recipe_is_maskformer(name, parameters):
    config = deepcopy(read_ablation(f"{ABLATIONS}/{name}.py"))
    usual = (
        COCO_CONFIG
        if "coco" in name
        else COCO_CONFIG.replace("lsj-50e_coco-panoptic", "160k_ade20k-512x512")
    )
    usual = read_ablation(usual)
    for key in ("train_dataloader", "optim_wrapper", "param_scheduler", "train_cfg"):
        assert config[key] == usual[key]
    assert config.model.decode_head.criterion == usual.model.decode_head.criterion
    build = build_panoptic if "coco" in name else build_semantic
    with torch.device("meta"):
        model = build(config)
    found = sum(x.numel() for x in model.parameters() if x.requires_grad)
    assert found == parameters
