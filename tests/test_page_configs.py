"""The configs that pages print are read, and their models built."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.config import Config

from mmseg_maskformer.engine.models import untrained_model
from tests.conftest import REPOSITORY

BLOCK = re.compile(r"```python\n(_base_ = .*?)```", re.S)
# docs/images.md has a test of its own, which trains
PAGES = ("README", *(f"docs/{x}" for x in ("data", "few_images", "models", "panoptic")))
CONFIGS = {
    f"{page}.md-{index}": code.replace('"configs/', f'"{REPOSITORY}/configs/')
    for page in PAGES
    for index, code in enumerate(BLOCK.findall((REPOSITORY / f"{page}.md").read_text()))
}


def test_pages_print_nine_configs():
    assert len(CONFIGS) == 9


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.mmdet] if "things" in code else [])
        for name, code in CONFIGS.items()
    ],
)
def test_a_printed_config_builds_a_model_for_the_classes_of_its_data(name, tmp_path):
    path = tmp_path / "my_config.py"
    path.write_text(CONFIGS[name])
    config = Config.fromfile(path)
    with torch.device("meta"):
        model = untrained_model(config)
    outputs = model.decode_head.network.class_head.out_features
    if "ade20k" in CONFIGS[name] and "mine" not in CONFIGS[name]:  # of a backbone alone
        assert outputs == 150 + 1
        return
    assert outputs == len(config.train_dataloader.dataset.metainfo.classes) + 1
    assert str(config.val_dataloader.dataset.data_root) == "data/mine"
