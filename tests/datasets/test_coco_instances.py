"""COCO's files of instances: what is read, and sentences for what is wrong."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("mmdet")
from tests.datasets.panoptic_files import (
    CATEGORIES,
    CELL,
    CONTENT,
    FIBRE,
    GREEN,
    GROUND,
    RED,
    build,
    content,
    segment,
    write_set,
)

pytestmark = pytest.mark.mmdet
INSTANCES = "mmseg_maskformer.CocoInstanceDataset"
THINGS = dict(classes=("cell", "fibre"))
LOADING = dict(type="LoadImageFromFile")


def read(root, annotations, metainfo):
    """The data set of a changed annotation file."""
    write_set(root, annotations)
    return build(root, INSTANCES, metainfo=metainfo)


def objects():
    """The things of the first image as a file of instances."""
    square = [[0, 0, 2, 0, 2, 2, 0, 2]]
    cell = segment(RED, CELL, [0, 0, 2, 2], 4) | dict(image_id=1, segmentation=square)
    return dict(
        images=content()["images"],
        categories=CATEGORIES[:2],
        annotations=[cell, cell | dict(id=GREEN, category_id=FIBRE, iscrowd=1)],
    )


@pytest.mark.parametrize("kind", ["mmseg_maskformer.CocoPanopticDataset", INSTANCES])
def test_unreadable_files_end_in_a_sentence(tmp_path, kind):
    message = (
        r"annotation file .*/all\.json cannot .*No such.* and of the metric in val_"
    )
    with pytest.raises(OSError, match=message):
        build(tmp_path, kind)
    (tmp_path / "all.json").write_text(json.dumps(CONTENT)[:-9])
    with pytest.raises(OSError, match=r"all\.json cannot be read .*char 706.* Check"):
        build(tmp_path, kind)
    (tmp_path / "all.json").write_text("[]")
    with pytest.raises(
        ValueError, match=r"all\.json is .*no categories, images\..* annotations\.json"
    ):
        build(tmp_path, kind)


@pytest.mark.parametrize("kind", ["mmseg_maskformer.CocoPanopticDataset", INSTANCES])
def test_images_that_are_not_there_are_named_at_once(tmp_path, kind):
    write_set(tmp_path, objects() if kind == INSTANCES else content())
    options = dict(metainfo=THINGS) if kind == INSTANCES else {}
    options["pipeline"] = [LOADING]
    (tmp_path / "images" / "b.jpg").unlink()
    prefix = dict(img="nowhere", seg="maps")
    with pytest.raises(OSError, match=r"folder of images .*/nowhere cannot be read"):
        build(tmp_path, kind, data_prefix=prefix, **options)
    message = r"all\.json names 1 image\(s\) .*: .*/images/b\.jpg\. Put them there, ch"
    with pytest.raises(FileNotFoundError, match=message):
        build(tmp_path, kind, **options)


@pytest.mark.parametrize(
    ("loading", "options", "length"),
    [
        ({}, dict(filter_cfg=dict(filter_empty_gt=True)), 1),
        ({}, dict(indices=1), 1),
        (dict(ignore_empty=True), {}, 2),
        (dict(backend_args=dict(backend="lmdb", db_path="db")), {}, 2),
    ],
)
def test_an_image_that_no_file_is_read_of_need_not_be_there(
    tmp_path, loading, options, length
):
    write_set(tmp_path, objects())
    (tmp_path / "images" / "b.jpg").unlink()
    options = dict(metainfo=THINGS, pipeline=[dict(LOADING, **loading)], **options)
    assert len(build(tmp_path, INSTANCES, **options)) == length


def test_objects_are_read_as_the_host_reads_them(tmp_path):
    ours = read(tmp_path, objects(), THINGS)
    theirs = build(tmp_path, "CocoDataset", metainfo=THINGS)
    assert [x["bbox_label"] for x in ours[0]["instances"]] == [0, 1]
    assert [ours[i] for i in range(2)] == [theirs[i] for i in range(2)]


def test_classes_of_objects_may_be_chosen(tmp_path):
    found = read(tmp_path, objects(), dict(classes=("fibre",)))
    labels = [(x["bbox_label"], x["ignore_flag"]) for x in found[0]["instances"]]
    assert labels == [(0, 1)]


WRONG_OBJECTS = {
    "a panoptic file": (
        lambda file: file.update(annotations=CONTENT["annotations"]),
        THINGS,
        r"all\.json is a panoptic file: .*Give CocoInstanceDataset the file of inst",
    ),
    "no annotation": (
        lambda file: file.update(annotations=[]),
        THINGS,
        r"all\.json annotates nothing in its images\. Check",
    ),
    "no masks": (
        lambda file: file["annotations"][1].pop("segmentation"),
        THINGS,
        r"all\.json has the annotation .*256.* which lacks segmentation\. Complete",
    ),
    "category that is not listed": (
        lambda file: file["annotations"][1].update(category_id=GROUND),
        THINGS,
        r"all\.json has objects of category_id 9, .*or remove the objects\.$",
    ),
    "class that is not listed": (
        lambda file: None,
        dict(classes=("cell", "fibres")),
        r"\['classes'\] .*has fibres, but the categories of .*all\.json are cell",
    ),
    "classes in another order": (
        lambda file: None,
        dict(classes=("fibre", "cell")),
        r"\['classes'\] .*has 'fibre' in place 0, but .*all\.json have 'cell' there\. "
        r"Write the file's names in its order\.$",
    ),
}


@pytest.mark.parametrize(
    ("change", "metainfo", "message"), WRONG_OBJECTS.values(), ids=WRONG_OBJECTS
)
def test_wrong_files_of_objects_end_in_a_sentence(tmp_path, change, metainfo, message):
    annotations = objects()
    change(annotations)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, annotations, metainfo)
