"""``tools/test.py --tta``: what it makes of a config, and that it runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

from mmseg_maskformer.engine.evaluation import enable_tta
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


def test_all_of_joined_data_have_the_pipeline():
    config = Config.fromfile(LEAF)
    one = config.test_dataloader.dataset
    config.test_dataloader.dataset = dict(type="ConcatDataset", datasets=[one, one])
    enable_tta(config)
    joined = config.test_dataloader.dataset
    assert set(joined) == {"type", "datasets"}
    assert [x.pipeline for x in joined.datasets] == [config.tta_pipeline] * 2


def test_a_model_of_the_host_gets_the_wrapper_of_the_host():
    config = Config.fromfile(REPOSITORY / "configs/peers/mmseg-upernet_tiny_scenes.py")
    enable_tta(config)
    assert config.model.type == "SegTTAModel"
    assert config.model.module.decode_head.type == "UPerHead"


@pytest.mark.parametrize("name", ["SegTTAModel", "mmseg.SegTTAModel"])
def test_the_hosts_wrapper_is_not_taken_for_a_model_of_ours(name):
    config = Config.fromfile(LEAF)
    config.tta_model = dict(type=name)  # as the default_runtime of the host has it
    enable_tta(config)
    assert config.model.type == "mmseg_maskformer.MaskFormerTTA"
    config = Config.fromfile(LEAF)
    config.tta_model = dict(type="mine.Views")
    enable_tta(config)
    assert config.model.type == "mine.Views"


def test_the_runner_leaves_the_model_its_preprocessor(tmp_path):
    leaf = REPOSITORY / "configs/studies/scenes/maskformer_tiny_scenes-847.py"
    config = Config.fromfile(leaf)
    own = config.model.data_preprocessor
    # The hosts' recipes have one beside the model, which the runner offers to both.
    config.data_preprocessor = dict(own, seg_pad_val=255, size_divisor=64)
    config.work_dir = str(tmp_path)
    config.pop("visualizer")  # one for each process
    enable_tta(config)
    model = Runner.from_cfg(config).model.module
    assert own.seg_pad_val == 65535
    assert model.data_preprocessor.seg_pad_val == own.seg_pad_val
    assert model.data_preprocessor.size_divisor == own.size_divisor


def test_our_head_in_a_segmentor_of_the_host_is_a_sentence():
    config = Config.fromfile(LEAF)
    config.model.type = "EncoderDecoder"
    message = r"MaskFormerHead in EncoderDecoder.*set model\.type to .*Segmentor\."
    with pytest.raises(ValueError, match=message):
        enable_tta(config)


def test_a_config_without_views_is_a_sentence():
    config = Config.fromfile(
        REPOSITORY / "configs/demo/maskformer_tiny_scenes-panoptic.py"
    )
    with pytest.raises(
        ValueError, match=r"needs tta_pipeline in .*scenes-panoptic\.py"
    ):
        enable_tta(config)


def test_metrics_of_more_than_semantic_maps_are_named():
    config = Config.fromfile(
        REPOSITORY / "configs/demo/maskformer_tiny_scenes-panoptic.py"
    )
    config.tta_pipeline = [dict(type="TestTimeAug", transforms=[])]
    config.test_evaluator.append(dict(type="mmseg_maskformer.PanopticErrors"))
    message = r"semantic maps only, .* has PanopticQuality, PanopticErrors\. Evaluate"
    with pytest.raises(ValueError, match=message):
        enable_tta(config)
    config.test_evaluator = config.test_evaluator[:1]
    enable_tta(config)
    assert config.model.type == "mmseg_maskformer.MaskFormerTTA"


@torch.no_grad()
def test_label_maps_are_those_of_the_mean_of_separate_views(monkeypatch, tmp_path):
    init_default_scope("mmseg")
    torch.manual_seed(0)
    config = Config.fromfile(LEAF)
    config.model.type = "EncoderDecoder"  # the host's, which keeps the scores
    host = MODELS.build(config.model).eval()
    network = host.decode_head.network
    for layer in (network.class_head, *list(network.mask_head)[::2]):
        layer.weight.mul_(8)  # queries of several classes win somewhere
    checkpoint, maps = tmp_path / "weights.pth", tmp_path / "maps"
    torch.save(dict(state_dict=host.state_dict()), checkpoint)
    options = ["test_dataloader.dataset.num_images=2", "test_dataloader.batch_size=2"]
    command = (
        LEAF,
        checkpoint,
        "--tta",
        "--out",
        maps,
        "--work-dir",
        tmp_path / "work",
    )
    run_script(monkeypatch, "test.py", *command, "--cfg-options", *options)
    written = [np.asarray(Image.open(path)) for path in sorted(maps.iterdir())]

    settings = dict(config.val_dataloader.dataset, pipeline=config.tta_pipeline)
    scenes = DATASETS.build(settings | dict(num_images=2))
    truths = []
    for scene, labels in zip(scenes, written, strict=True):
        views = zip(scene["inputs"], scene["data_samples"], strict=True)
        batches = [dict(inputs=[x], data_samples=[sample]) for x, sample in views]
        scores = [host.test_step(batch)[0].seg_logits.data for batch in batches]
        expected = torch.stack(scores).mean(0).argmax(0)
        assert len(scores) == 12
        assert len(expected.unique()) > 1
        assert (expected == torch.tensor(labels)).double().mean() > 0.9995  # ties
        truths.append(scene["data_samples"][0].gt_sem_seg.data[0].numpy())
    right = np.mean([x == y for x, y in zip(written, truths, strict=True)])
    (scores,) = (tmp_path / "work").glob("*/*.json")
    assert json.loads(scores.read_text())["aAcc"] == pytest.approx(
        100 * right, abs=0.01
    )
