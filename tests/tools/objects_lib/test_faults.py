"""Maps, folders and options that do not fit end in a sentence, before results do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.scripts import run_script
from tests.tools.objects_lib.files import (
    IDS,
    LABELS,
    TOOL,
    add,
    add_both,
    content,
    converted,
    write_image,
    write_map,
)

LABELLED = ("--label-maps", "annotations", "--things", "1=cell", "2=dust", "--stuff")


def id_map(numbers, kind="uint8", suffix=".png"):
    """A fault: the id map of image a is this one."""

    def write(root):
        (root / "id_maps/train/a.png").unlink()
        write_map(root / f"id_maps/train/a{suffix}", numbers, kind)

    return write


def ids_with(value):
    ids = np.array(IDS)
    ids[0, 0] = value
    return ids


def jpeg(root):
    (root / "id_maps/train/a.png").unlink()
    Image.fromarray(np.uint8(IDS)).save(root / "id_maps/train/a.jpg")


def stack(root):
    pages = [Image.fromarray(np.uint8(IDS)) for _ in "ab"]
    (root / "id_maps/train/a.png").unlink()
    path = root / "id_maps/train/a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])


def truncated(root):
    path = root / "id_maps/train/a.png"
    path.write_bytes(path.read_bytes()[:50])


MAPS = {
    r"id_maps/train/a\.tif has numbers of type float32, but .* uint32": id_map(
        IDS, "float32", ".tif"
    ),
    r"id_maps/train/a\.png has shape \(4, 5, 3\) .*--id-colours": id_map(
        np.stack([IDS] * 3, axis=-1)
    ),
    r"id_maps/train/a\.npy has shape \(20,\)": id_map(np.ravel(IDS), suffix=".npy"),
    r"id_maps/train/a\.png is black and white": id_map(IDS, "bool"),
    r"a\.tif has the id -1: .* write --void-id=-1\.": id_map(
        ids_with(-1), "int16", ".tif"
    ),
    r"a\.tif has the id 16777216, .* is 16777215\. Number": id_map(
        ids_with(2**24), "uint32", ".tif"
    ),
    r"train/a\.png has 5 x 4 pixels, .*train/a\.jpg has 4 x 5 .*exchanged": id_map(
        np.transpose(IDS)
    ),
    r"The map .*id_maps/train/a\.jpg is a JPEG": jpeg,
    r"The map .*id_maps/train/a\.tif is a stack of images": stack,
    r"id_maps/train/a\.png cannot be read .*Export it again\.": truncated,
    r"images/train/c\.jpg cannot be read": lambda root: (
        add(root, "train/c"),
        (root / "images/train/c.jpg").write_bytes(b"no image"),
    ),
    r"1 of 2 images have no id map of their name in .*id_maps/train: .*train/c\.jpg": (
        lambda root: write_image(root / "images/train/c.jpg", (4, 5))
    ),
    r"1 of 2 id maps have no image of their name in .*images/train: .*train/c\.png": (
        lambda root: write_map(root / "id_maps/train/c.png", IDS)
    ),
    r"images/train/a\.jpg and .*images/train/a\.png have the same name but": (
        lambda root: write_image(root / "images/train/a.png", (4, 5))
    ),
    r"images/val, the folder of images, holds no file of \.bmp, \.jpeg": (
        lambda root: (root / "images/val/b.jpg").unlink()
    ),
    r"None of the 1 images of val has an object": (
        lambda root: add(root, "val/b", ids=np.zeros((4, 5)))
    ),
}


@pytest.mark.parametrize("message", MAPS)
def test_files_that_do_not_fit_are_named(tmp_path, monkeypatch, message):
    add_both(tmp_path)
    MAPS[message](tmp_path)
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, TOOL, tmp_path, "--things", "nucleus")
    assert list(tmp_path.glob("*.json")) == []
    assert not (tmp_path / "panoptic_train").exists()


OPTIONS = {
    "The objects have no class: write --things NAME": (),
    "--things a is one class of several and has no value": ("--things", "a", "b"),
    "--background glass goes without label maps": (
        *(*LABELLED, "5=glass", "--background", "glass"),
    ),
    "Values of label maps are named, but there are no": ("--things", "1=cell"),
    "--stuff glass has no value": (*LABELLED, "glass"),
    "The value 5 of label maps is glass, water": (*LABELLED, "5=glass", "5=water"),
    "The value 5 of label maps is glass, void": (*LABELLED, "5=glass", "--void", "5"),
    r"train/a\.png has the value\(s\) 255, which have no name": (
        *(*LABELLED, "5=glass", "--void", "0"),
    ),
    r"more than half of the 8 pixels of the object 7 in .*train/a\.png": (
        *("--label-maps", "annotations", "--things", "2=dust"),
        *("--stuff", "1=water", "5=glass"),
    ),
    "cell is a class of things and one of stuff": (*LABELLED, "5=cell"),
    "A class has an empty name": (*LABELLED, "5="),
    "The splits are there already": ("--things", "a", "--val-share", "0.5"),
    "ids/train does not exist: it is the folder of id maps": (
        *("--things", "a", "--id-maps", "ids"),
    ),
}


@pytest.mark.parametrize("message", OPTIONS)
def test_options_that_do_not_fit_are_named(tmp_path, monkeypatch, message):
    add_both(tmp_path, labels=LABELS)
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, TOOL, tmp_path, *OPTIONS[message])


def test_half_of_an_object_is_no_majority(tmp_path, monkeypatch):
    """Two of the four pixels of the object are dust, two are cell."""
    add_both(tmp_path, ids=[[3, 3, 3, 3]], labels=[[1, 2, 2, 1]])
    with pytest.raises(SystemExit, match="more than half of the 4 pixels"):
        run_script(monkeypatch, TOOL, tmp_path, *LABELLED, "5=glass")


def test_results_are_replaced_where_it_is_said(tmp_path, monkeypatch, capsys):
    add_both(tmp_path)
    options = ("--things", "nucleus")
    converted(monkeypatch, capsys, tmp_path, *options)
    before = (tmp_path / "panoptic_train.json").read_bytes()
    with pytest.raises(
        SystemExit, match=r"panoptic_train is there already: write --fo"
    ):
        run_script(monkeypatch, TOOL, tmp_path, *options)
    write_map(tmp_path / "id_maps/val/b.png", IDS, "bool")
    with pytest.raises(SystemExit, match=r"val/b\.png is black and white"):
        run_script(monkeypatch, TOOL, tmp_path, *options, "--force")
    assert (tmp_path / "panoptic_train.json").read_bytes() == before
    assert (tmp_path / "panoptic_train/a.png").exists()
    write_map(tmp_path / "id_maps/val/b.png", np.full((4, 5), 9))
    converted(monkeypatch, capsys, tmp_path, *options, "--force")
    assert content(tmp_path, "instances", "val")["annotations"][0]["area"] == 20
    assert [x.name for x in tmp_path.glob("*unfinished*")] == []


def test_what_is_read_is_never_replaced(tmp_path, monkeypatch):
    add_both(tmp_path)
    (tmp_path / "id_maps").rename(tmp_path / "panoptic_train")
    options = ("--things", "nucleus", "--id-maps", "panoptic_train", "--force")
    with pytest.raises(
        SystemExit, match="panoptic_train is read and would be replaced"
    ):
        run_script(monkeypatch, TOOL, tmp_path, *options)
    assert (tmp_path / "panoptic_train/train/a.png").exists()


def names(root, split):
    return [x["file_name"] for x in content(root, "panoptic", split)["images"]]


def test_a_share_is_drawn_by_the_seed(tmp_path, monkeypatch, capsys):
    for name in "abcdefghij":
        add(tmp_path, name)
    found = []
    for seed in (0, 0, 1):
        options = ("--things", "nucleus", "--val-share", "0.3", "--seed", seed)
        converted(monkeypatch, capsys, tmp_path, *options, "--force")
        val = names(tmp_path, "val")
        assert sorted(val + names(tmp_path, "train")) == [
            f"{x}.jpg" for x in "abcdefghij"
        ]
        found.append(val)
    assert [len(x) for x in found] == [3, 3, 3]
    assert found[0] == found[1] != found[2]


def test_a_list_names_the_images_of_validation(tmp_path, monkeypatch, capsys):
    for name in ("a", "b.1", "c"):
        add(tmp_path, name)
    (tmp_path / "val.txt").write_text("\ufeffb.1\n\nc.jpg\n", encoding="utf-8")
    options = ("--things", "nucleus", "--val-list", "val.txt")
    converted(monkeypatch, capsys, tmp_path, *options)
    assert (names(tmp_path, "train"), names(tmp_path, "val")) == (
        ["a.jpg"],
        ["b.1.jpg", "c.jpg"],
    )
    (tmp_path / "val.txt").write_text("d.jpg\n")
    with pytest.raises(SystemExit, match=r"val\.txt lists 1 names of no image: d\.jpg"):
        run_script(monkeypatch, TOOL, tmp_path, *options, "--force")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Which of the 2 images are for validation.* --val-share 0.2"),
        (("--val-share", "1.5"), "--val-share 1.5 is no share"),
        (("--val-share", "0.1"), "0 of 2 images would be for validation"),
        (("--val-share", "0.5", "--val-list", "a.txt"), "one of these"),
    ],
)
def test_a_split_must_be_one(tmp_path, monkeypatch, options, message):
    add(tmp_path, "a")
    add(tmp_path, "b")
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, TOOL, tmp_path, "--things", "nucleus", *options)


def test_a_single_split_folder_is_named(tmp_path, monkeypatch):
    add(tmp_path, "train/a")
    with pytest.raises(SystemExit, match="has a folder train and no val"):
        run_script(monkeypatch, TOOL, tmp_path, "--things", "nucleus")
