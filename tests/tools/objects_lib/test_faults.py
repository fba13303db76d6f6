"""Maps, folders and options that do not fit end in a sentence, before results do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.tools.objects_lib.files import (
    IDS,
    LABELS,
    add,
    content,
    write_image,
    write_map,
)

NUCLEI = ("--things", "nucleus")
LABELLED = ("--label-maps", "annotations", "--things", "1=cell", "2=dust", "--stuff")


@pytest.fixture
def root(tmp_path):
    """Image a for training and image b for validation, in folders."""
    add(tmp_path, "train/a", "val/b", labels=LABELS)
    return tmp_path


def ids_with(value):
    ids = np.array(IDS)
    ids[0, 0] = value
    return ids


MAPS = {
    r"a\.tif has numbers of type float32, but .* uint32": (IDS, "float32", ".tif"),
    r"a\.png has shape \(4, 5, 3\) .*--id-colours": (
        *(np.stack([IDS] * 3, axis=-1), "uint8", ".png"),
    ),
    r"a\.npy has shape \(20,\)": (np.ravel(IDS), "uint8", ".npy"),
    r"a\.png is black and white": (IDS, "bool", ".png"),
    r"a\.tif has the id -1: .* write --void-id=-1\.": (ids_with(-1), "int16", ".tif"),
    r"a\.tif has the id 16777216: .* from 1 to 16777215, ": (
        *(ids_with(2**24), "uint32", ".tif"),
    ),
    r"a\.png has 5 x 4 pixels, .*train/a\.jpg has 4 x 5 .*exchanged": (
        *(np.transpose(IDS), "uint8", ".png"),
    ),
    r"The map .*id_maps/train/a\.jpg is a JPEG": (IDS, "uint8", ".jpg"),
}


def test_maps_of_no_ids_are_named(root, refused):
    path = root / "id_maps/train/a.png"
    for message, (numbers, kind, suffix) in MAPS.items():
        path.unlink()
        path = path.with_suffix(suffix)
        write_map(path, numbers, kind)
        refused(message, root, *NUCLEI)
    assert [x.name for x in root.glob("*_*")] == ["id_maps"]  # no results


def test_files_that_cannot_be_read_are_named(root, refused):
    path = root / "id_maps/train/a.png"
    path.write_bytes(path.read_bytes()[:50])
    refused(r"train/a\.png cannot be read .*Export it again\.", root, *NUCLEI)
    path.unlink()
    pages = [Image.fromarray(np.uint8(IDS)) for _ in "ab"]
    path = path.with_suffix(".tif")
    pages[0].save(path, save_all=True, append_images=pages[1:])
    refused(r"The map .*train/a\.tif is a stack of images", root, *NUCLEI)
    (root / "images/train/a.jpg").write_bytes(b"no image")
    refused(r"images/train/a\.jpg cannot be read", root, *NUCLEI)


def test_folders_that_do_not_match_are_named(root, refused):
    write_map(root / "id_maps/train/c.png", IDS)
    message = r"1 of 2 id maps have no image of their name in .*images/train: .*c\.png"
    refused(message, root, *NUCLEI)
    (root / "id_maps/train/c.png").unlink()
    write_image(root / "images/train/c.jpg", (4, 5))
    message = r"1 of 2 images have no id map of their name in .*id_maps/train: .*c\.jpg"
    refused(message, root, *NUCLEI)
    (root / "images/train/c.jpg").rename(root / "images/train/a.png")
    refused(r"train/a\.jpg and .*train/a\.png, of the same name but", root, *NUCLEI)
    (root / "images/train/a.png").unlink()
    write_map(root / "id_maps/val/b.png", np.zeros((4, 5)))
    refused("None of the 1 images of val has an object", root, *NUCLEI)
    (root / "images/val/b.jpg").unlink()
    refused(r"val, the folder of images, holds no file of \.bmp", root, *NUCLEI)
    (root / "images/val").rmdir()
    refused("has a folder train and no val", root, *NUCLEI)


OPTIONS = {
    "The objects have no class: write --things NAME": (),
    "a, b has no value of the label maps: .* 0=a,": ("--things", "a", "b"),
    "^\nglass has no value": (*LABELLED, "5=water", "--background", "glass"),
    "glass has no value": (*LABELLED, "glass"),
    "Values of label maps are named, but there are no": ("--things", "1=cell"),
    "The value 5 is glass and water": (*LABELLED, "5=glass", "5=water"),
    "The value 5 is glass and void": (*LABELLED, "5=glass", "--void", "5"),
    r"train/a\.png has the value\(s\) 255, which have no name": (
        *(*LABELLED, "5=glass", "--void", "0"),
    ),
    r"more than half of the 8 pixels of the object 7 in .*train/a\.png": (
        *("--label-maps", "annotations", "--things", "2=dust"),
        *("--stuff", "1=water", "5=glass"),
    ),
    "cell is a class of things and one of stuff": (*LABELLED, "5=cell"),
    "A class has an empty name": (*LABELLED, "5="),
    "splits of the 2 images are given twice": (*NUCLEI, "--val-share", "0.5"),
    "ids/train does not exist: it is the folder of id maps": (
        *(*NUCLEI, "--id-maps", "ids"),
    ),
}


def test_options_that_do_not_fit_are_named(root, refused):
    for message, options in OPTIONS.items():
        refused(message, root, *options)


def test_half_of_an_object_is_no_majority(tmp_path, refused):
    """Two of the four pixels of the object are dust, two are cell."""
    add(tmp_path, "train/a", "val/b", ids=[[3, 3, 3, 3]], labels=[[1, 2, 2, 1]])
    refused("more than half of the 4 pixels", tmp_path, *LABELLED, "5=glass")


def test_a_split_must_be_one(tmp_path, refused):
    add(tmp_path, "a", "b")
    (tmp_path / "val.txt").write_text("d.jpg\n")
    for message, options in {
        "splits of the 2 images are not given: .* --val-share 0.2": (),
        "2 of 2 images would be for validation": ("--val-share", "1.5"),
        "0 of 2 images would be for validation": ("--val-share", "-1"),
        r"val\.txt lists 1 names of no image: d\.jpg": ("--val-list", "val.txt"),
    }.items():
        refused(message, tmp_path, *NUCLEI, *options)


def test_results_are_replaced_where_it_is_said(root, convert, refused):
    convert(root, *NUCLEI)
    before = (root / "panoptic_train.json").read_bytes()
    refused("panoptic_train is there already: write --fo", root, *NUCLEI)
    write_map(root / "id_maps/val/b.png", IDS, "bool")
    refused(r"val/b\.png is black and white", root, *NUCLEI, "--force")
    assert (root / "panoptic_train.json").read_bytes() == before
    assert (root / "panoptic_train/a.png").exists()
    write_map(root / "id_maps/val/b.png", np.full((4, 5), 9))
    convert(root, *NUCLEI, "--force")
    assert content(root, "instances", "val")["annotations"][0]["area"] == 20
    assert [x.name for x in root.glob("*unfinished*")] == []


def test_what_is_read_is_never_replaced(root, refused):
    (root / "id_maps").rename(root / "panoptic_train")
    options = (*NUCLEI, "--id-maps", "panoptic_train", "--force")
    refused("panoptic_train is read and would be replaced", root, *options)
    assert (root / "panoptic_train/train/a.png").exists()
