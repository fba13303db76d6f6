"""COCO's semantic set holds the classes of the panoptic maps, pixel by pixel."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from dataset_converters.coco_semantic import prepare_coco_semantic
from mmseg_maskformer.datasets.coco_semantic import COCOSemanticDataset
from tests.conftest import REPOSITORY
from tests.helpers.configs import build, trainable

LEAF = "configs/studies/mask2former/mask2former_r50_8xb2-lsj-50e_coco-semantic.py"
PANOPTIC = "configs/mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"


@pytest.fixture(scope="module")
def coco(tmp_path_factory, shared_data):
    """The two images of the sample in COCO's folders, converted."""
    sample = shared_data / "coco_panoptic_sample"
    root = tmp_path_factory.mktemp("coco")
    shutil.copytree(sample / "images", root / "val2017")
    shutil.copytree(sample / "panoptic", root / "panoptic_val2017")
    content = json.loads((sample / "panoptic.json").read_text())
    content["categories"] = json.loads((sample / "categories.json").read_text())
    (root / "annotations").mkdir()
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(content))
    prepare_coco_semantic(root)
    return root, content


def built(root, split):
    config = Config.fromfile(REPOSITORY / LEAF)
    init_default_scope(config.default_scope)
    settings = config[f"{split}_dataloader"].dataset
    prefix = dict(img_path="val2017", seg_map_path="panoptic_semseg_val2017")
    return DATASETS.build(dict(settings, data_root=str(root), data_prefix=prefix))


def test_labels_are_the_classes_of_the_segments(coco):
    root, content = coco
    dataset = built(root, "val")
    names = {x["id"]: x["name"] for x in content["categories"]}
    maps = {x["file_name"].rpartition(".")[0]: x for x in content["annotations"]}
    for index in range(2):
        packed = dataset[index]
        labels = packed["data_samples"].gt_sem_seg.data[0].numpy()
        row = maps[packed["data_samples"].img_path.rpartition("/")[2][:-4]]
        colours = np.array(Image.open(root / "panoptic_val2017" / row["file_name"]))
        ids = colours.astype(int) @ [1, 256, 65536]
        for segment in row["segments_info"]:
            (label,) = np.unique(labels[ids == segment["id"]])
            assert dataset.METAINFO["classes"][label] == names[segment["category_id"]]
        assert (labels[ids == 0] == 255).all()


def test_training_pads_both_to_the_fixed_size(coco):
    """Labels occur as often as the pixels of the image that are not padding."""
    np.random.seed(0)  # a scale below 1
    packed = built(coco[0], "train")[0]
    assert packed["inputs"].shape == (3, 1024, 1024)
    labels = packed["data_samples"].gt_sem_seg.data[0]
    padding = (packed["inputs"] == 128).all(dim=0)
    assert (labels[padding] == 255).float().mean() > 0.99
    assert (labels != 255).any()


def test_the_recipe_is_that_of_the_panoptic_model():
    """Table 7 compares models, so all but the task is the same; 43,983,878 weights."""
    config, other = (Config.fromfile(REPOSITORY / x) for x in (LEAF, PANOPTIC))
    for key in ("optim_wrapper", "param_scheduler", "train_cfg", "auto_scale_lr"):
        assert config[key] == other[key]
    assert config.model.backbone == other.model.backbone
    for key in ("network", "criterion"):
        assert config.model.decode_head[key] == other.model.decode_head[key]
    for pipeline, kind in (("train", "LargeScaleJitter"), ("test", "Resize")):
        steps = (x[f"{pipeline}_pipeline"] for x in (config, other))
        ours, theirs = (next(x for x in y if kind in x.type) for y in steps)
        assert {**ours, "type": ""} == {**theirs, "type": ""}
    assert config.train_dataloader.batch_size == other.train_dataloader.batch_size
    with torch.device("meta"):
        assert trainable(build(config)) == 43_983_878


@pytest.mark.mmdet
def test_classes_are_those_of_panoptic_models():
    from mmdet.datasets import CocoPanopticDataset

    host = CocoPanopticDataset.METAINFO
    assert COCOSemanticDataset.METAINFO["classes"] == tuple(host["classes"])
    assert COCOSemanticDataset.METAINFO["palette"] == list(map(list, host["palette"]))
