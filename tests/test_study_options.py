"""Rows of the paper that are a setting of another configuration (docs/studies.md)."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image

from mmseg_maskformer.engine.config_files import read_config
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs/studies.md"
NUMBERS = {"N": (20, 50, 150, 300, 1000), "L": (1, 3, 6)}  # queries, layers
TRAINING = "training + validation images, ADE20K"


def listed():
    """Row, path of the config and options, one for each number of the page."""
    text = PAGE.read_text(encoding="utf-8").partition("## Rows that are a setting")[2]
    rows = re.findall(r"^\| (.+?) \| \[.*?\]\(\.\./(.+?)\) \| `(.+?)` \|$", text, re.M)
    for name, path, options in rows:
        for number in NUMBERS.get(options.rpartition("=")[2], ("",)):
            yield name, path, re.sub("=[NL]$", f"={number}", options)


ROWS = list(listed())


def read(path, options):
    """The config with its settings, as the command line gives them."""
    pairs = (option.split("=", 1) for option in options.split(" "))
    parsed = {key: DictAction._parse_int_float_bool(value) for key, value in pairs}
    return read_config(str(REPOSITORY / path), parsed)


def test_the_page_has_every_row():
    names = [name for name, *_ in ROWS]
    for data in ("ADE20K", "COCO-Stuff-10K", "ADE20K-Full", "scenes"):
        assert names.count(f"N queries, {data}") == 5
        assert names.count(f"general, {data}") == 1
        assert names.count(f"iterative, {data}") == (data != "scenes")
    for data in ("ADE20K", "ADE20K panoptic", "scenes", "scenes panoptic"):
        assert names.count(f"L layers, {data}") == 3
        assert names.count(f"no self-attention, {data}") == 1
    assert len(names) == 20 + 4 + 3 + 12 + 4 + 2


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
    given = dict(option.rpartition(".")[2].split("=") for option in options.split(" "))
    assert found(model, REPOSITORY / path, given) == given


def found(model, path, given):
    """What the model has of the given settings; of others it has the config's."""
    decoder = model.decode_head.network.transformer_decoder
    usual = Config.fromfile(path).model.decode_head.network.transformer_decoder
    (attends,) = {layer.self_attention is not None for layer in decoder.layers}
    options = asdict(model.prediction_options())
    values = dict(
        num_queries=(len(decoder.query_embed.weight), usual.get("num_queries", 100)),
        num_layers=(len(decoder.layers), usual.get("num_layers", 6)),
        self_attention=(attends, True),
        # a segmentor has the first rule alone, a detector the second
        semantic_rule=(options.get("semantic_rule", "semantic"), "semantic"),
        panoptic_rule=(options.get("panoptic_rule", "maskformer"), "maskformer"),
    )
    return {
        key: str(value)
        for key, (value, other) in values.items()
        if key in given or value != other
    }


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
