"""The configs that pages print are read, and their models built."""

from __future__ import annotations

import re
from pathlib import Path

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


def test_rare_classes_are_repeated_of_the_data_of_the_config_before(tmp_path):
    (tmp_path / "my_config.py").write_text(CONFIGS["README.md-0"])
    page = (REPOSITORY / "docs" / "training.md").read_text()
    (code,) = (x for x in BLOCK.findall(page) if "ClassBalancedDataset" in x)
    (tmp_path / "balanced.py").write_text(code)
    found = Config.fromfile(tmp_path / "balanced.py").train_dataloader.dataset
    assert found.type == "ClassBalancedDataset"
    assert found.dataset.type == "mmseg_maskformer.LabelMapDataset"
    assert found.dataset.metainfo.classes == ("road", "building", "tree")


def with_sizes(names: list[str], page: str, begin: str, path: Path) -> list[Config]:
    """Printed configs, with the lines for other sizes that begin so at their end."""
    text = (REPOSITORY / "docs" / f"{page}.md").read_text()
    (lines,) = re.findall(rf"```python\n({begin}.*?)```", text, re.S)
    configs = []
    for name in names:
        file = path / f"{len(configs)}.py"
        file.write_text(CONFIGS[name] + lines)
        configs.append(Config.fromfile(file))
    return configs


def sizes_of(loader: Config) -> dict[str, tuple]:
    """By which sizes the transforms of a data set change images."""
    keys = dict(RandomResize="scale", Resize="scale", RandomCrop="crop_size")
    keys |= dict(ResizeWithLabels="scale", Pad="size")
    steps = [(x["type"].split(".")[-1], x) for x in loader.dataset.pipeline]
    return {name: tuple(x[keys[name]]) for name, x in steps if name in keys}


def test_lines_for_sizes_reach_all_data_sets_of_label_maps(tmp_path):
    names = ["README.md-0", "docs/few_images.md-0"]
    for config in with_sizes(names, "data", "size, crop = ", tmp_path):
        crop, size = dict(RandomCrop=(512, 512), Pad=(512, 512)), (1024, 768)
        assert sizes_of(config.train_dataloader) == crop | dict(RandomResize=size)
        for split in ("val", "test"):
            loader = config[f"{split}_dataloader"]
            assert sizes_of(loader) == dict(Resize=size)
            steps = [x["type"] for x in loader.dataset.pipeline]
            labels = steps.index("mmseg_maskformer.LoadLabelMap")
            assert steps.index("Resize") < labels
        assert config.tta_pipeline[1].scale == size


def test_lines_for_sizes_reach_all_data_sets_of_objects(tmp_path):
    names = ["docs/panoptic.md-0", "docs/few_images.md-1", "docs/data.md-0"]
    for config in with_sizes(names, "panoptic", "train_pipeline = ", tmp_path):
        sizes = dict(RandomResize=(1024, 768), RandomCrop=(512, 512))
        assert sizes_of(config.train_dataloader) == sizes
        for split in ("val", "test"):
            found = sizes_of(config[f"{split}_dataloader"])
            assert list(found.values()) == [(704, 512)]
