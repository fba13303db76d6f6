"""Folders of images and label maps: a sentence where nothing is found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_maskformer.datasets import label_map_folders
from mmseg_maskformer.datasets.camvid import CamVidDataset
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.transforms.label_maps import LoadLabelMap


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.JPG", "b.png", "sub/c.png"):
        (tmp_path / name).touch()
    return tmp_path


def dataset(folder, kind=LabelMapDataset, **kwargs):
    prefix = dict(img_path=str(folder), seg_map_path=str(folder))
    return kind(data_prefix=prefix, **kwargs)


@pytest.mark.parametrize("kind", [LabelMapDataset, CamVidDataset])
def test_another_suffix_is_named(folder, kind):
    message = f"There is no image {folder}/*.jpg; the folder holds files of .JPG, .png."
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        dataset(folder, kind)
    found = dataset(folder, kind, img_suffix=".png")
    assert [found.get_data_info(k)["img_path"] for k in range(len(found))] == [
        f"{folder}/b.png",
        f"{folder}/sub/c.png",
    ]


@pytest.mark.parametrize(
    ("classes", "void", "expected"),
    [(2, 255, [255, 0, 1, 255]), (254, 255, [255, 0, 1, 255])]
    + [(256, 255, [65535, 0, 1, 65535]), (2, 254, [254, 0, 1, 254])],
)
def test_void_of_wide_maps_is_that_of_the_data_set(tmp_path, classes, void, expected):
    labels = np.uint16([[0, 1, 2, 65535]])  # reduce_zero_label: 0 is void
    Image.fromarray(labels).save(tmp_path / "a.png")
    kind = [str(label) for label in range(classes)]
    found = dataset(
        tmp_path,
        img_suffix=".png",
        metainfo=dict(classes=kind),
        ignore_index=void,
        reduce_zero_label=True,
        pipeline=[LoadLabelMap()],
    )
    assert found[0]["gt_seg_map"].tolist() == [expected]


@pytest.mark.parametrize(("number", "void"), [(255, 255), (300, 300)])
def test_a_last_class_that_would_be_void_is_refused(folder, number, void):
    options = dict(img_suffix=".png", ignore_index=void)
    options["metainfo"] = dict(classes=[str(label) for label in range(number)])
    message = f"the last of {number} classes is {number}, and {number} is void in"
    with pytest.raises(ValueError, match=message):
        dataset(folder, reduce_zero_label=True, **options)
    assert len(dataset(folder, **options)) == 2
    options["ignore_index"] = 65535
    assert len(dataset(folder, reduce_zero_label=True, **options)) == 2


@pytest.mark.parametrize(("number", "void", "remedy"), [(2, 0, 255), (300, 7, 65535)])
def test_a_void_that_is_a_class_is_refused(folder, number, void, remedy):
    options = dict(img_suffix=".png", ignore_index=void)
    options["metainfo"] = dict(classes=[f"kind {label}" for label in range(number)])
    message = (
        f"ignore_index={void}, which is class 'kind {void}' of the {number} classes: "
        f".* for example {remedy}; reduce_zero_label=True .* makes label 0 void"
    )
    with pytest.raises(ValueError, match=message):
        dataset(folder, **options)
    assert len(dataset(folder, **options | dict(ignore_index=remedy))) == 2


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no file at all. Set data_root"):
        dataset(tmp_path)


def test_folders_and_lists_that_are_not_there_are_named(tmp_path):
    here = rf" \(looked from {Path.cwd()}\); correct"
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path}/x{here}"):
        dataset(tmp_path / "x")
    with pytest.raises(FileNotFoundError, match=rf"no list of images val\.txt{here}"):
        dataset(tmp_path, ann_file="val.txt")


def test_an_empty_list_of_images_is_named(folder):
    names = folder / "val.txt"
    names.touch()
    with pytest.raises(FileNotFoundError, match=r"val\.txt names no image"):
        dataset(folder, ann_file=str(names))


def test_a_list_in_another_encoding_is_named(folder):
    (folder / "val.txt").write_text("b\n", encoding="utf-16")
    message = r"list of images .*val\.txt cannot be read \(.* data_root and ann_file of"
    with pytest.raises(OSError, match=message):
        dataset(folder, ann_file=str(folder / "val.txt"))


def test_images_that_are_listed_twice_are_counted(folder, monkeypatch):
    said = []
    monkeypatch.setattr(
        label_map_folders, "print_log", lambda text, **_: said.append(text)
    )
    (folder / "val.txt").write_text("b\nsub/c\nb.png\n")
    found = dataset(folder, img_suffix=".png", ann_file=str(folder / "val.txt"))
    assert len(found) == 3
    assert said[0].endswith(
        "val.txt: 1 of 3 lines name an image that is listed before"
        "; it counts as often as it is listed."
    )


@pytest.mark.parametrize(
    ("maps", "expected"),
    [("labels", "1 *.HEIC, 3 *.png"), ("images", "1 *.HEIC")]
    + [("images/sub", "1 *.HEIC, 2 *.png"), (None, "1 *.HEIC, 3 *.png")],
)
def test_images_of_other_suffixes_are_counted(tmp_path, monkeypatch, maps, expected):
    """Of `a.png` the photo may be `a.jpg`, and only in its folder are label maps."""
    said = []
    monkeypatch.setattr(
        label_map_folders, "print_log", lambda text, **_: said.append(text)
    )
    (tmp_path / "images/sub").mkdir(parents=True)
    for name in [
        "a.jpg",
        "a.png",
        "b.png",
        "c.png",
        "sub/d.png",
        "e.HEIC",
        "notes.txt",
    ]:
        (tmp_path / "images" / name).touch()
    prefix = dict(img_path="images")
    if maps:
        prefix["seg_map_path"] = maps
    found = LabelMapDataset(data_root=str(tmp_path), data_prefix=prefix)
    assert len(found) == 1
    (text,) = said
    assert f"images: 1 images *.jpg are taken, {expected} are not: img_suffix" in text


def test_a_listed_suffix_is_that_of_the_image(tmp_path):
    for name in ("a.jpg", "a.png", "b.png", "c.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "val.txt").write_text("a.png\nb\nc.png\n")
    options = dict(img_suffix=(".jpg", ".png"), ann_file=str(tmp_path / "val.txt"))
    found = dataset(tmp_path, **options)
    names = [Path(found.get_data_info(k)["img_path"]).name for k in range(3)]
    assert names == ["a.png", "b.png", "c.jpg"]


def test_two_images_of_one_label_map_are_refused(tmp_path):
    """Which of them it belongs to only a list can tell."""
    for name in ("a.jpg", "a.png", "a_map.png"):
        Image.new("L", (8, 6)).save(tmp_path / name)
    names = tmp_path / "val.txt"
    options = dict(img_suffix=(".jpg", ".png"), ann_file=str(names))
    options |= dict(seg_map_suffix="_map.png", pipeline=[LoadLabelMap()])
    names.write_text("a.png\na.jpg\n")
    message = rf"a\.png and a\.jpg in {tmp_path} have one label map, a_map\.png\. List"
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path, **options)
    names.write_text("a.png\na.png\n")
    assert len(dataset(tmp_path, **options)) == 2
    (tmp_path / "a_map.png").rename(tmp_path / "a.map")
    del options["ann_file"]
    options["seg_map_suffix"] = ".map"
    with pytest.raises(ValueError, match=r"a\.jpg and a\.png in .* map, a\.map\. List"):
        dataset(tmp_path, **options)


def test_a_label_map_that_is_a_jpeg_is_refused(tmp_path):
    Image.new("L", (8, 6)).save(tmp_path / "l.png", "JPEG")
    given = dict(seg_map_path=str(tmp_path / "l.png"), reduce_zero_label=False)
    with pytest.raises(ValueError, match=r"label map .*l\.png is a JPEG, which"):
        LoadLabelMap()(given)
