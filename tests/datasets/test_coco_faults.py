"""Annotation files that no reader takes, and what is counted in the log."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("mmdet")
from mmseg_maskformer.datasets.coco import files as coco_files
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.masks import filling
from mmseg_maskformer.datasets.coco.objects import choose_classes, prepare_objects
from mmseg_maskformer.datasets.coco.segments import prepare_segments
from tests.perfect import HEIGHT, WIDTH, Case, code, instances, listed, panoptic

pytestmark = pytest.mark.mmdet
CORNERS = [5, 3, 46, 3, 46, 40]
SIZE = [HEIGHT, WIDTH]


@pytest.fixture
def said(monkeypatch):
    """What went into the log, with its level."""
    found = []
    monkeypatch.setattr(
        coco_files, "print_log", lambda text, _, level: found.append((level, text))
    )
    return found


def mask(value):
    """Give the first object a mask."""
    return lambda file: file["annotations"][0].update(segmentation=value)


def first(rows, **values):
    return lambda file: file[rows][0].update(values)


def segment(**values):
    return lambda file: file["annotations"][0]["segments_info"][0].update(values)


WRONG_MASKS = {
    "none": (None, "is None, no polygons"),
    "empty": ([], r"is empty\. Remove the object"),
    "an empty polygon": ([[]], r"is empty\. Remove the object"),
    "a code in a list": ([dict(size=SIZE, counts="a")], "is a run-length code inside"),
    "flat": (CORNERS, r"is a flat list\. Write a list of polygons"),
    "points": ([[5, 3], [46, 3], [46, 40]], "is a list of points"),
    "pairs in a polygon": ([[[5, 3], [46, 3], [46, 40]]], r"the polygon \[\[5, 3\]"),
    "odd": ([[*CORNERS, 7]], r"the polygon \[5, .* which is no list of x, y"),
    "text": ([["5", "3"] * 3], "the polygon .'5', .* no list of x, y"),
    "NaN": ([[*CORNERS, math.nan, 3]], "with points that are no numbers or far"),
    "endless": ([[*CORNERS, math.inf, 3]], "with points that are no numbers or far"),
    "far": ([[*CORNERS, 1e9, 3]], r"far outside of the image\. Coordinates are pixels"),
    "a number": (7, "is 7, no polygons and no run-length code"),
    "text of a code": ("PPYo0", "is 'PPYo0', no polygons"),
    "no counts": (dict(size=SIZE), "code: it has size .96, 144. and counts None"),
    "no size": (dict(counts=[13824]), "code: it has size None and counts .13824."),
    "half the size": (
        dict(size=[HEIGHT // 2, WIDTH // 2], counts=[3456]),
        r"code for 48 x 72 pixels, but the file gives its image 96 x 144 \(height x",
    ),
    "exchanged": (dict(size=SIZE[::-1], counts=[13824]), "code for 144 x 96 pixels"),
    "too short": (dict(size=SIZE, counts=[5, 6]), "counts do not fill its 96 x 144"),
    "negative": (dict(size=SIZE, counts=[13825, -1]), "counts do not fill its 96"),
    "fractions": (dict(size=SIZE, counts=[1.5]), "and counts .1.5., and needs"),
    "cut": (
        dict(size=SIZE, counts=code(np.eye(HEIGHT, WIDTH))["counts"][:-9]),
        "counts do not fill its 96 x 144",
    ),
    "no code": (dict(size=SIZE, counts="\u00e9"), "counts do not fill its 96 x 144"),
}


@pytest.mark.parametrize(("value", "message"), WRONG_MASKS.values(), ids=WRONG_MASKS)
def test_masks_that_would_be_read_as_something_else(value, message):
    content = instances()
    mask(value)(content)
    with pytest.raises(
        ValueError,
        match=rf"a\.json: annotation 1 of image 1 has a mask that.* {message}",
    ):
        prepare_objects(CocoFile(content, "a.json"))


def test_codes_are_checked_many_at_once():
    generator = np.random.default_rng(0)
    masks = [generator.random((h, 40 - h)) < 0.3 for h in range(1, 40)]
    codes = [code(x) for x in masks] + [code(np.zeros((900, 900), dtype=bool))]
    assert filling(codes).all()
    for wrong in codes[::3]:
        wrong["size"] = [wrong["size"][0] + 1, wrong["size"][1]]
    assert filling(codes).tolist() == [place % 3 != 0 for place in range(40)]


WRONG_FILES = {
    "no images": (lambda file: file.update(images=None), r"None \(NoneType\) where"),
    "categories by name": (
        lambda file: file.update(categories={"cell": 1}),
        r"\{'cell': 1\} \(dict\) where the list of every category belongs",
    ),
    "no annotations": (
        lambda file: file.update(annotations=None),
        "where the list of every annotation belongs",
    ),
    "a row that is none": (
        lambda file: file["annotations"].append([1]),
        r"\[1\] \(list\) where the annotation of a list belongs",
    ),
    "id of an image": (first("images", id=True), r"image True has id True \(bool\)"),
    "half an id": (first("images", id=1.5), r"image 1\.5 has id 1\.5 \(float\)"),
    "no id": (first("annotations", image_id=None), r"has image_id None \(NoneType\)"),
    "an image twice": (
        lambda file: file["images"].append(dict(file["images"][0], file_name="c.jpg")),
        "lists the image id 1 more than once. Give each its own",
    ),
    "an image twice, as text": (
        first("images", id="2"),
        "lists the image id 2 more than once. Give each its own",
    ),
    "name of an image": (first("images", file_name=3), "has no name of a file: 3"),
    "height as text": (
        first("images", height="96"),
        r"image 1 has height '96' \(str\), where a number of pixels belongs",
    ),
    "category id": (
        first("categories", id="cell"),
        r"category 'cell' has id 'cell' \(str\), where an integer belongs",
    ),
    "category id twice": (first("categories", id=3), "lists the category id 3 more"),
    "category name twice": (
        first("categories", name="fibre"),
        "lists the category name fibre more than once",
    ),
    "category name": (first("categories", name=None), "has no text as its name"),
}


@pytest.mark.parametrize("read", [prepare_objects, prepare_segments])
@pytest.mark.parametrize(("change", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_files_that_contradict_themselves(change, message, read):
    content = instances() if read is prepare_objects else panoptic()
    change(content)
    with pytest.raises(ValueError, match=rf"a\.json.*{message}"):
        read(CocoFile(content, "a.json"))


WRONG_SEGMENTS = {
    "two entries": (
        lambda file: file["annotations"][1].update(image_id=1),
        r"more than one annotation for the image id\(s\) 1\. Put all segments",
    ),
    "no list": (
        first("annotations", segments_info=None),
        "where the list of every segment belongs",
    ),
    "name of the map": (first("annotations", file_name=None), "no name of a panoptic"),
    "id twice": (segment(id=2), r"id\(s\) 2 of a\.png twice or as 0"),
    "id of void": (segment(id=0), r"id\(s\) 0 of a\.png twice or as 0"),
    "id beyond the map": (
        segment(id=2**24),
        r"id\(s\) 16777216 .* beyond 1\.\.16777215",
    ),
    "id as words": (segment(id="x"), r"segment 'x' has id 'x' \(str\), where an int"),
    "iscrowd": (segment(iscrowd="maybe"), r"iscrowd 'maybe' \(str\), where 0 or 1"),
    "category": (segment(category_id=1.5), r"category_id 1\.5 \(float\), where an int"),
}


@pytest.mark.parametrize(
    ("change", "message"), WRONG_SEGMENTS.values(), ids=WRONG_SEGMENTS
)
def test_segments_that_no_map_can_hold(change, message):
    content = panoptic()
    change(content)
    with pytest.raises(ValueError, match=rf"a\.json.*{message}"):
        prepare_segments(CocoFile(content, "a.json"))


def all_crowds(file):
    for row in file["annotations"]:
        row["iscrowd"] = 1


def ignored(file):
    file["annotations"][0]["ignore"] = 1


COUNTED = {
    "crowds": (all_crowds, "6 of 6 objects (100.0 %) have iscrowd=1: they are no"),
    "one crowd": (lambda file: None, "1 of 6 objects (16.7 %) have iscrowd=1: they"),
    "ignored": (ignored, "1 of 6 objects are marked ignore and treated as crowds."),
    "strangers": (
        first("annotations", image_id=5),
        "1 of 6 annotations are left out: the file lists no image of their image_id "
        "(5).",
    ),
    "no pixel": (
        mask(listed(np.zeros((HEIGHT, WIDTH), dtype=bool))),
        "1 of 6 objects are left out: their masks have no pixel.",
    ),
    "other numbers": (
        first("annotations", area=1, bbox=[0, 0, 0, 0]),
        "1 of 6 objects have an area or a bbox that their masks contradict: that of "
        "the mask is taken.",
    ),
    "no size": (first("images", height=-1), "1 of 2 images have no size in it."),
}


@pytest.mark.parametrize(("change", "line"), COUNTED.values(), ids=COUNTED)
def test_what_is_left_out_is_counted(said, change, line):
    content = instances()
    change(content)
    prepare_objects(CocoFile(content, "a.json"))
    assert any(text.startswith(f"a.json: {line}") for _, text in said), said


def test_crowds_are_a_warning_where_they_are_many(said):
    content = instances()
    row = content["annotations"][0]
    content["annotations"] = [dict(row, iscrowd=int(i == 0)) for i in range(20)]
    prepare_objects(CocoFile(content, "a.json"))
    assert [level for level, _ in said] == [20]  # one in 20 is an INFO
    all_crowds(content)
    prepare_objects(CocoFile(content, "a.json"))
    assert [level for level, _ in said] == [20, 30]


def test_objects_of_other_classes_are_counted(said):
    file = CocoFile(instances(), "a.json")
    choose_classes(file, ("cell",))
    text = (
        "a.json: 3 of 6 objects are left out: metainfo['classes'] does not have their"
    )
    assert [line[: len(text)] for _, line in said] == [text]
    assert [row["category_id"] for row in file.annotations] == [7, 7, 7]


def test_images_that_a_filter_leaves_out_are_counted(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "mmseg_maskformer.datasets.coco_panoptic.print_log",
        lambda text, _: lines.append(text),
    )
    case = Case()
    kept = [x | dict(iscrowd=int(x["image_id"] != 1)) for x in case.objects]
    case.instances["annotations"] = kept
    case.write(tmp_path)
    options = dict(test_mode=False, filter_cfg=dict(filter_empty_gt=True))
    assert len(case.data(tmp_path, "instances", **options)) == 1
    assert lines == [
        f"{tmp_path}/instances.json: 1 of 2 images are left out by "
        "filter_cfg={'filter_empty_gt': True}."
    ]


@pytest.mark.parametrize("kind", ["panoptic", "instances"])
@pytest.mark.parametrize(
    ("size", "remedy"),
    [
        (
            (WIDTH, HEIGHT),
            r"They are exchanged: .*color_type='color_ignore_orientation'",
        ),
        ((HEIGHT, WIDTH + 1), "Check that the two belong together"),
    ],
)
def test_sizes_are_compared_when_the_image_is_read(tmp_path, kind, size, remedy):
    case = Case()
    for image in case.images:
        image["height"], image["width"] = size
    for row in case.objects:
        row["segmentation"] = dict(size=list(size), counts=[1, size[0] * size[1] - 1])
    case.write(tmp_path)
    data = case.data(tmp_path, kind)
    message = (
        rf"{kind}\.json gives .*/a\.jpg {size[0]} x {size[1]} pixels, but it is loaded "
        rf"with 96 x 144 \(height x width\)\. {remedy}"
    )
    with pytest.raises(ValueError, match=message):
        data[0]


def test_codes_that_the_hosts_loading_would_leave_out(tmp_path):
    case = Case()
    case.write(tmp_path)
    load = dict(type="LoadAnnotations", with_mask=True, poly2mask=False)
    with pytest.raises(ValueError, match=r"masks of 6 objects, which LoadAnnotations"):
        case.data(tmp_path, "instances", pipeline=[case.load, load])
