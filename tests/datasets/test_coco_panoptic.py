"""COCO's panoptic files: what is read, and sentences for what is wrong."""

from __future__ import annotations

import pytest

pytest.importorskip("mmdet")
from tests.datasets.panoptic_files import (
    BLUE,
    CATEGORIES,
    CELL,
    CONTENT,
    GREEN,
    METAINFO,
    RED,
    build,
    content,
    loaded,
    write_set,
)

pytestmark = pytest.mark.mmdet


def read(root, annotations, **options):
    """The data set of a changed annotation file."""
    write_set(root, annotations)
    return build(root, **options)


def test_segments_are_listed_in_order_with_their_classes(tmp_path):
    found = read(tmp_path, CONTENT)
    assert [x["segments_info"] for x in found] == [
        [
            dict(id=BLUE, category=2, is_thing=0),
            dict(id=GREEN, category=1, is_thing=False),  # a crowd
            dict(id=RED, category=0, is_thing=1),
        ],
        [dict(id=RED, category=1, is_thing=1)],
    ]


def test_classes_that_are_balanced_are_those_of_things_and_stuff(tmp_path):
    found = read(tmp_path, CONTENT)
    assert [sorted(found.get_cat_ids(place)) for place in (0, 1)] == [[0, 1, 2], [1]]


def test_maps_are_those_that_the_annotations_name(tmp_path):
    found = read(tmp_path, CONTENT)  # of a.jpg and b.jpg
    paths = [x["seg_map_path"] for x in found]
    assert paths == [str(tmp_path / "maps" / f"{x}.png") for x in ("first", "second")]


def named_like_images(annotations):
    """The same, with maps called as the host wants them."""
    for annotation, name in zip(annotations["annotations"], "ab", strict=True):
        annotation["file_name"] = f"{name}.png"
    return annotations


def with_maps_like_images(root, annotations):
    write_set(root, named_like_images(annotations))
    for new, old in (("a", "first"), ("b", "second")):
        (root / "maps" / f"{old}.png").rename(root / "maps" / f"{new}.png")


def test_host_reads_the_same_where_the_names_allow(tmp_path):
    with_maps_like_images(tmp_path, content())
    ours, theirs = build(tmp_path), build(tmp_path, "CocoPanopticDataset")
    assert len(ours) == 2
    assert [ours[i] for i in range(2)] == [theirs[i] for i in range(2)]
    assert (loaded(ours)["gt_seg_map"] == loaded(theirs)["gt_seg_map"]).all()


@pytest.mark.parametrize(
    "size",
    [dict(area=0), dict(bbox=[3, 0, 0, 2]), dict(bbox=[3, 0, 1, 0.5])],
    ids=["no area", "no width", "half a pixel high"],
)
def test_segments_count_however_small_the_file_calls_them(tmp_path, size):
    annotations = content()
    annotations["annotations"][0]["segments_info"][1] |= size
    with_maps_like_images(tmp_path, annotations)
    found = loaded(build(tmp_path))
    assert found["segments"] == [(1, 2, 0), (2, 1, False), (3, 0, 1)]
    assert found["gt_seg_map"].tolist() == [[0, 3, 3, 2], [1, 1, 1, 2]]
    theirs = build(tmp_path, "CocoPanopticDataset")
    with pytest.raises(ValueError, match=r"a\.png have the id.s. 256, .* as too small"):
        loaded(theirs)


def test_real_nuclei_are_read_as_the_host_reads_them(shared_data):
    options = dict(
        data_root=str(shared_data / "dsb2018"),
        ann_file="panoptic_val.json",
        data_prefix=dict(img="images/val", seg="panoptic_val"),
        metainfo=dict(
            classes=("nucleus", "background"),
            thing_classes=("nucleus",),
            stuff_classes=("background",),
        ),
    )
    ours = build(shared_data, **options)
    theirs = build(shared_data, "CocoPanopticDataset", **options)
    assert len(ours) == 105
    assert [ours[i] for i in range(105)] == [theirs[i] for i in range(105)]


def test_annotations_of_images_that_are_not_listed_are_forgotten(tmp_path):
    annotations = content()
    annotations["annotations"][1] |= dict(image_id=5, file_name="nowhere.png")
    del annotations["images"][1]
    found = read(tmp_path, annotations)
    assert [x["img_id"] for x in found] == [1]


def test_images_of_a_test_need_no_annotations(tmp_path):
    annotations = content()
    del annotations["annotations"]
    write_set(tmp_path, annotations)
    found = build(tmp_path, test_mode=True, data_prefix=dict(img="images"))
    assert [x["img_path"][-5:] for x in found] == ["a.jpg", "b.jpg"]
    with pytest.raises(
        ValueError, match=r"all\.json annotates nothing .* a split with"
    ):
        build(tmp_path)


def changed(**values):
    return lambda file: file.update(values)


def first_segment(**values):
    return lambda file: file["annotations"][0]["segments_info"][0].update(values)


def without_segments(file):
    for annotation in file["annotations"]:
        annotation["segments_info"] = []


def stuff_first(file):
    file["categories"] = [CATEGORIES[2], *CATEGORIES[:2]]


def other_names(**names):
    return dict(metainfo={**METAINFO, "palette": None, **names})


WRONG = {
    "no such map": (
        lambda file: file["annotations"][1].update(file_name="third.png"),
        {},
        r"all\.json names 1 panoptic map.* not there: .*/maps/third\.png\. .*check da",
    ),
    "no such folder": (
        changed(),
        dict(data_prefix=dict(img="images", seg="nowhere")),
        r"folder of panoptic maps .*/nowhere.*No such file .*Check .*data_prefix",
    ),
    "no folder": (
        changed(),
        dict(data_prefix=dict(img="images")),
        r"data_prefix of the data set with .*all\.json has no folder .*Write data_pref",
    ),
    "category that is not listed": (
        first_segment(category_id=44),
        {},
        r"all\.json has segments of category_id 44, .*Add what is missing",
    ),
    "category without a class": (
        changed(),
        other_names(classes=("cell", "fibre"), stuff_classes=()),
        r"all\.json has segments of category_id 9, .*metainfo\['classes'\] leaves out",
    ),
    "class that is not listed": (
        changed(),
        other_names(classes=("cells", "fibre", "ground")),
        r"\['classes'\] .*has cells, but the categories of .*all\.json are cell, fibre",
    ),
    "classes in another order": (
        changed(),
        other_names(classes=("fibre", "cell", "ground")),
        r"\['classes'\] .*has 'fibre' in place 0, but .*all\.json have 'cell' there",
    ),
    "stuff called a thing": (
        changed(),
        other_names(thing_classes=METAINFO["classes"], stuff_classes=()),
        r"\['thing_classes'\] .*has 'ground' in place 2, but .*all\.json have None "
        "there. Write .* in its order; its isthing says what is a thing",
    ),
    "a thing called stuff": (
        changed(),
        other_names(stuff_classes=("fibre", "ground")),
        r"\['stuff_classes'\] .*has 'fibre' in place 0, but .*all\.json have 'ground'",
    ),
    "COCO's things": (
        changed(),
        dict(metainfo=dict(classes=METAINFO["classes"])),
        r"\['thing_classes'\] .*has 'person' in place 0, but .*all\.json have 'cell'",
    ),
    "stuff before things": (
        stuff_first,
        other_names(classes=("ground", "cell", "fibre")),
        r"categories of .*all\.json have the stuff ground before things\. List things",
    ),
    "categories that are neither": (
        changed(categories=[dict(id=CELL, name="cell")]),
        dict(metainfo=dict(classes=("cell",))),
        r"all\.json has the category .*'cell'.* lacks isthing\. Complete it",
    ),
    "no annotation": (
        changed(annotations=[]),
        {},
        r"all\.json annotates nothing in its images\. Check",
    ),
    "no annotation in evaluation": (
        changed(annotations=[]),
        dict(test_mode=True),
        r"all\.json annotates nothing in its images\. Check",
    ),
    "no segment": (
        without_segments,
        {},
        r"all\.json annotates nothing in its images\. Check",
    ),
    "an image without annotation": (
        lambda file: file["annotations"].pop(),
        {},
        r"all\.json has no annotation for 1 of its images, with the id.s. 2\. Annotate",
    ),
    "a segment without category": (
        lambda file: file["annotations"][0]["segments_info"][0].pop("category_id"),
        {},
        r"all\.json has the segment .*131075.* which lacks category_id\. Complete it",
    ),
    "a crowd of stuff": (
        first_segment(iscrowd=1),
        {},
        r"all\.json has the crowd .* of the stuff category .*only things can be crowds",
    ),
    "a file of instances": (
        changed(
            annotations=[dict(id=1, image_id=1, segmentation=[[0, 0, 2, 0, 2, 2]])]
        ),
        {},
        r"all\.json is a file of instances: .*Give CocoPanopticDataset the panoptic",
    ),
    "no images": (
        lambda file: file.pop("images"),
        {},
        r"all\.json is no annotation file in COCO's format: it has no images\. Check",
    ),
}


@pytest.mark.parametrize(("change", "options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_panoptic_files_end_in_a_sentence(tmp_path, change, options, message):
    annotations = content()
    change(annotations)
    with pytest.raises((OSError, ValueError), match=message):
        read(tmp_path, annotations, **options)
