"""``tools/test.py --tta``: what it makes of a config, and that it runs."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmseg_maskformer.engine.launch import enable_tta
from tests.conftest import REPOSITORY
from tests.scripts import run_script

LEAF = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


def test_the_model_is_wrapped_and_the_pipeline_replaced():
    config = Config.fromfile(LEAF)
    model, pipeline = config.model.copy(), config.tta_pipeline
    enable_tta(config)
    assert config.model.module == model
    assert config.model.type == "mmseg_maskformer.MaskFormerTTA"
    assert config.test_dataloader.dataset.pipeline == pipeline
    assert config.val_dataloader.dataset.pipeline != pipeline


def test_a_model_of_the_host_gets_the_wrapper_of_the_host():
    config = Config.fromfile(REPOSITORY / "configs/peers/mmseg-upernet_tiny_scenes.py")
    enable_tta(config)
    assert config.model.type == "SegTTAModel"
    assert config.model.module.decode_head.type == "UPerHead"


def test_our_head_in_a_segmentor_of_the_host_is_a_sentence():
    config = Config.fromfile(LEAF)
    config.model.type = "EncoderDecoder"
    message = r"MaskFormerHead in EncoderDecoder.*set model\.type to .*Segmentor\."
    with pytest.raises(SystemExit, match=message):
        enable_tta(config)


def test_a_config_without_views_is_a_sentence():
    config = Config.fromfile(
        REPOSITORY / "configs/demo/maskformer_tiny_scenes-panoptic.py"
    )
    with pytest.raises(
        SystemExit, match=r"needs tta_pipeline in .*scenes-panoptic\.py"
    ):
        enable_tta(config)


def test_scenes_are_evaluated(monkeypatch, tmp_path):
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(LEAF).model)
    checkpoint = tmp_path / "weights.pth"
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    options = ["test_dataloader.dataset.num_images=2", "test_dataloader.batch_size=2"]
    command = (LEAF, checkpoint, "--tta", "--work-dir", tmp_path / "work")
    run_script(monkeypatch, "test.py", *command, "--cfg-options", *options)
    (scores,) = (tmp_path / "work").glob("*/*.json")
    assert json.loads(scores.read_text())["mIoU"] > 0
