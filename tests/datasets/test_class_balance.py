"""ClassBalancedDataset of mmengine around label maps and scenes."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset
from mmengine.registry import DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.scenes.semantic import ScenesDataset
from mmseg_maskformer.datasets.transforms.label_maps import LoadLabelMap
from tests.datasets.pipelines import LABELS, LOAD, PACK_LABELS


class Streets(LabelMapDataset):
    METAINFO = dict(classes=("road", "tree", "car", "lake"))


def streets(folder, **options):
    """Four images; 0 is void, a road is 1 in the files, and trees are left out."""
    for k, labels in enumerate(([0, 1, 2], [1, 1, 255], [1, 3, 1], [2, 4, 4])):
        Image.fromarray(np.uint8([labels])).save(folder / f"{k}.png")
    options.setdefault(
        "data_prefix", dict(img_path=str(folder), seg_map_path=str(folder))
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        return Streets(
            img_suffix=".png",
            metainfo=dict(classes=("road", "car", "lake")),
            reduce_zero_label=True,
            **options,
        )


def test_images_of_rare_classes_are_repeated_and_read_once(tmp_path, monkeypatch):
    """Of four images three have a road, one a car, one a lake.

    Factors are max(1, sqrt(0.75 / f)): 1 of the road, sqrt(0.75 / 0.25) = 1.73, which
    the host rounds up, of the others. With trees the first would be repeated, too:
    sqrt(0.75 / 0.5) = 1.22.
    """
    read, load = [], LoadLabelMap._load_seg_map
    monkeypatch.setattr(
        LoadLabelMap, "_load_seg_map", lambda self, x: (read.append(x), load(self, x))
    )
    found = streets(tmp_path, pipeline=[LOAD, LABELS, PACK_LABELS])
    read.clear()  # the pipeline is tried when it is built
    assert ClassBalancedDataset(found, 0.75).repeat_indices == [0, 1, 2, 2, 3, 3]
    assert len(read) == 4
    assert [found.get_cat_ids(k) for k in range(4)] == [[0], [0], [0, 1], [2]]
    assert found.get_subset([3]).get_cat_ids(0) == [2]


def test_images_without_label_maps_have_no_classes(tmp_path):
    found = streets(tmp_path, data_prefix=dict(img_path=str(tmp_path)))
    with pytest.raises(ValueError, match=r"set data_prefix\.seg_map_path of the data"):
        found.get_cat_ids(0)


def test_classes_of_a_scene_are_those_of_its_map():
    found = ScenesDataset(num_images=3, scene=dict(void_width=2))
    for k in range(3):
        labels = set(np.unique(found[k]["gt_seg_map"]).tolist())
        assert set(found.get_cat_ids(k)) == labels - {255} != labels
