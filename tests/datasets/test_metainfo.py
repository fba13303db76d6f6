"""Colours of classes: a data set's own, those of its config, or made-up ones."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from mmseg_maskformer.datasets.camvid import CamVidDataset
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.metainfo import check_class_order, saved_palette
from mmseg_maskformer.datasets.palette import class_palette
from tests.checkpoints.models import CONFIGS

CAMVID = CamVidDataset.METAINFO
THREE = dict(classes=("cell", "dust", "glass"))
# Hue 0, saturation 0.85, value 0.95: 255 * 0.95 = 242, 0.15 * 242 = 36.
MADE_UP = [(242, 36, 36), (27, 71, 178), (82, 128, 19)]


def palette(kind, **metainfo):
    return kind._load_metainfo(metainfo)["palette"]


def detection(name):
    pytest.importorskip("mmdet")
    from mmseg_maskformer.datasets import coco_panoptic

    return getattr(coco_panoptic, name)


@pytest.fixture(
    params=[
        "label maps",
        pytest.param("CocoPanopticDataset", marks=pytest.mark.mmdet),
        pytest.param("CocoInstanceDataset", marks=pytest.mark.mmdet),
    ]
)
def kind(request):
    """Of mmseg without own classes; of mmdet with COCO's and their colours."""
    named = request.param
    return LabelMapDataset if named == "label maps" else detection(named)


def test_classes_without_colours_get_one_each(kind):
    assert palette(kind, **THREE) == MADE_UP
    assert palette(kind, **THREE, palette=None) == MADE_UP
    given = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    assert palette(kind, **THREE, palette=given) == given


@pytest.mark.parametrize("colours", [[(1, 2, 3), (4, 5, 6)], "random"])
def test_another_number_of_colours_is_refused(kind, colours):
    message = r"3 classes, \('cell', .*palette=.*Write a colour .* or|; if .*inherited"
    with pytest.raises(ValueError, match=message):
        palette(kind, **THREE, palette=colours)


def test_chosen_classes_keep_their_colours():
    colours = dict(zip(CAMVID["classes"], CAMVID["palette"], strict=True))
    chosen = tuple(colours)[:1:-4]
    assert palette(CamVidDataset, classes=chosen) == [colours[x] for x in chosen]
    assert palette(CamVidDataset) == CAMVID["palette"]


@pytest.mark.mmdet
def test_own_classes_on_the_nuclei_config_have_own_colours():
    """As in the config that to_panoptic.py prints."""
    pytest.importorskip("mmdet")
    name = "maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py"
    config = Config.fromfile(CONFIGS / name)
    changes = dict(metainfo=THREE, pipeline=[], lazy_init=True)
    config.merge_from_dict({"val_dataloader.dataset": changes})
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = DATASETS.build(config.val_dataloader.dataset)
    assert dataset.metainfo["palette"] == MADE_UP


def test_made_up_colours_tell_neighbours_apart():
    colours = np.array(class_palette(847))
    assert len(np.unique(colours[:40], axis=0)) == 40
    assert np.abs(np.diff(colours, axis=0)).max(1).min() > 30


def test_names_that_occur_twice_are_compared_by_their_places():
    """Values of a map may share a name."""
    ours, theirs = ["person", "lane", "lane"], ["human", "lane", "lane", "sky"]
    check_class_order(("weights", ours), ("data", theirs))
    with pytest.raises(ValueError, match=r"'lane' is number 2 in weights and 1 in dat"):
        check_class_order(("weights", ours), ("data", ["human", "lane", "sky"]))


@pytest.mark.parametrize(
    ("meta", "palette"),
    [
        (dict(dataset_meta=dict(classes=["a"], palette=[[1, 2, 3]])), ((1, 2, 3),)),
        (dict(dataset_meta=[dict(classes=["a"], palette=[(1, 2, 3)])]), ((1, 2, 3),)),
        (dict(CLASSES=["a"], PALETTE=np.array([[1, 2, 3]])), ((1, 2, 3),)),
        (dict(dataset_meta=dict(classes=["a", "b"], palette=[[1, 2, 3]])), ()),
        (dict(dataset_meta=dict(classes=["c", "o", "c", "o"], palette="coco")), ()),
        (dict(dataset_meta=dict(classes=["a"])), ()),
        ({}, ()),
    ],
)
def test_colours_of_a_checkpoint_are_those_of_its_classes(meta, palette):
    found = saved_palette(dict(meta=meta))
    assert found == palette
    assert all(type(value) is int for colour in found for value in colour)
