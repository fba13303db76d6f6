"""Rows of the paper that are a setting of another configuration (docs/studies.md)."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.config import DictAction
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image

from mmseg_maskformer.engine.launch import read_config
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs/studies.md"
QUERIES = (20, 50, 150, 300, 1000)
TRAINING = "training + validation images, ADE20K"


def listed():
    """Row, path of the config and options, one for each number of queries."""
    text = PAGE.read_text(encoding="utf-8").partition("## Rows that are a setting")[2]
    rows = re.findall(r"^\| (.+?) \| \[.*?\]\(\.\./(.+?)\) \| `(.+?)` \|$", text, re.M)
    for name, path, options in rows:
        for number in QUERIES if options.endswith("=N") else ("",):
            yield name, path, re.sub("N$", str(number), options)


ROWS = list(listed())


def read(path, options):
    """The config with its settings, as the command line gives them."""
    pairs = (option.split("=", 1) for option in options.split(" "))
    parsed = {key: DictAction._parse_int_float_bool(value) for key, value in pairs}
    return read_config(str(REPOSITORY / path), parsed)


def test_every_data_set_has_its_rows():
    names = [name for name, *_ in ROWS]
    assert len(names) == 2 * len(QUERIES) + 6 + 2
    for rule in ("general", "iterative"):
        for data in ("ADE20K", "COCO-Stuff-10K", "ADE20K-Full"):
            assert names.count(f"{rule}, {data}") == 1


@pytest.mark.parametrize(
    ("name", "path", "options"),
    [
        pytest.param(*row, marks=[pytest.mark.mmdet] if "panoptic" in row[1] else [])
        for row in ROWS
        if row[0] != TRAINING
    ],
)
def test_a_row_builds_what_it_says(name, path, options):
    config = read(path, options)
    if config.default_scope == "mmdet":
        pytest.importorskip("mmdet")
    init_default_scope(config.default_scope)
    config.model.backbone.init_cfg = None
    with torch.device("meta"):
        model = MODELS.build(config.model)
    value = options.partition("=")[2]
    queries = model.decode_head.network.transformer_decoder.query_embed
    assert queries.weight.shape[0] == (int(value) if "queries" in name else 100)
    rule = model.test_cfg.get("semantic_rule", model.test_cfg.get("panoptic_rule"))
    assert rule == (None if "queries" in name else value)


def test_training_reads_the_validation_images_too(tmp_path):
    ((_, path, options),) = [row for row in ROWS if row[0] == TRAINING]
    for split in ("training", "validation"):
        for folder, suffix in (("images", "jpg"), ("annotations", "png")):
            (tmp_path / folder / split).mkdir(parents=True)
            image = Image.new("L", (8, 8), 1)
            image.save(tmp_path / folder / split / f"{split}.{suffix}")
    config = read(path, options)
    init_default_scope("mmseg")
    settings = dict(config.train_dataloader.dataset, data_root=str(tmp_path))
    dataset = DATASETS.build(dict(settings, pipeline=[]))
    found = [dataset.get_data_info(index) for index in range(len(dataset))]
    for split, info in zip(("training", "validation"), found, strict=True):
        assert info["img_path"] == f"{tmp_path}/images/{split}/{split}.jpg"
        assert info["seg_map_path"] == f"{tmp_path}/annotations/{split}/{split}.png"
