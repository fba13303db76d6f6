"""CamVid: layout, classes and labels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmseg_maskformer.datasets.camvid import CamVidDataset

CLASSES = "sky building pole road sidewalk tree sign fence car pedestrian bicyclist"


def dataset(root, split, **kwargs):
    prefix = dict(img_path=f"images/{split}", seg_map_path=f"annotations/{split}")
    return CamVidDataset(data_root=str(root), data_prefix=prefix, **kwargs)


def test_classes_and_colours():
    meta = CamVidDataset.METAINFO
    assert meta["classes"] == tuple(CLASSES.split())
    assert len({tuple(colour) for colour in meta["palette"]}) == 11


def test_images_and_label_maps_are_paired_by_name(tmp_path):
    for kind, suffix in (("images", ".jpg"), ("annotations", ".png")):
        folder = tmp_path / kind / "val"
        folder.mkdir(parents=True)
        for name in ("b", "a", "c"):
            Image.new("L", (8, 6)).save(folder / f"{name}{suffix}")
    found = [dataset(tmp_path, "val").get_data_info(k) for k in range(3)]
    for info, name in zip(found, "abc", strict=True):
        assert info["img_path"] == str(tmp_path / "images" / "val" / f"{name}.jpg")
        expected = tmp_path / "annotations" / "val" / f"{name}.png"
        assert info["seg_map_path"] == str(expected)


@pytest.mark.parametrize(
    ("split", "count"), [("train", 367), ("val", 101), ("test", 233)]
)
def test_real_data_has_the_stated_files_and_labels(shared_data, split, count):
    found = dataset(shared_data / "camvid", split)
    assert len(found) == count
    labels = set()
    for index in range(0, count, 4):
        with Image.open(found.get_data_info(index)["seg_map_path"]) as label_map:
            assert label_map.size == (480, 360)
            labels |= set(np.unique(np.asarray(label_map)).tolist())
    assert labels == {*range(11), 255}
