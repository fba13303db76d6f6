"""Annotation files in unusual forms, and what data sets are asked to choose of them."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("mmdet")
from mmseg_maskformer.datasets.coco import files as coco_files
from tests.perfect import HEIGHT, WIDTH, Case

pytestmark = pytest.mark.mmdet


def test_a_code_of_whole_floats(tmp_path):
    case = Case()
    code = dict(size=[float(HEIGHT), float(WIDTH)], counts=[0.0, 96.0, 13728.0])
    case.objects[0]["segmentation"] = code
    case.write(tmp_path)
    found = case.data(tmp_path, "instances").get_data_info(0)["instances"]
    assert found[0]["mask"] == dict(size=[HEIGHT, WIDTH], counts=[0, 96, 13728])


def test_a_file_that_is_listed_twice(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(coco_files, "print_log", lambda *line: said.append(line))
    case = Case()
    case.instances["images"].append(case.instances["images"][0] | dict(id=9))
    case.write(tmp_path)
    assert len(case.data(tmp_path, "instances")) == 3
    text = "1 of 3 images are files listed before, and empty if annotated there only."
    assert (f"{tmp_path}/instances.json: {text}", "current", logging.WARNING) in said


@pytest.mark.parametrize("kind", ["panoptic", "instances"])
def test_classes_by_a_text(tmp_path, kind):
    case = Case()
    case.write(tmp_path)
    names = case.metainfo["classes"] if kind == "panoptic" else case.things
    case.metainfo["classes"] = case.things = str(tmp_path / "classes.txt")
    with pytest.raises(ValueError, match="and no list of names"):
        case.data(tmp_path, kind)
    (tmp_path / "classes.txt").write_text("\n".join(names))
    assert case.data(tmp_path, kind).metainfo["classes"] == list(names)


def test_panoptic_images_without_annotations_have_no_map(tmp_path):
    """As those of test servers, whose pipeline loads maps all the same."""
    case = Case()
    del case.panoptic["annotations"]
    case.write(tmp_path)
    sample = case.data(tmp_path, "panoptic", test_mode=True)[0]["data_samples"]
    assert "gt_segments" not in sample


def test_sizes_that_the_file_lacks_choose_no_images(tmp_path):
    case = Case()
    image = case.instances["images"][1]
    del image["height"], image["width"]
    for row in case.objects[3:]:
        row["segmentation"] = [[10, 9, 20, 9, 20, 19]]  # no code, which has a size
    case.write(tmp_path)
    options = dict(test_mode=False, filter_cfg=dict(min_size=32))
    message = r"'min_size': 32. chooses images by their size, .*lacks of 1: b\.jpg\. W"
    with pytest.raises(ValueError, match=message):
        case.data(tmp_path, "instances", **options)
    assert len(case.data(tmp_path, "instances")) == 2  # a test has all images


def test_a_thin_object_at_the_border_stays(tmp_path):
    """The box of a file that counts from 1 lies beside the image: the host drops it."""
    case = Case()
    thin = [WIDTH - 1, 10, WIDTH, 10, WIDTH, 20, WIDTH - 1, 20]
    case.objects[0].update(segmentation=[thin], bbox=[WIDTH, 10, 1, 10], area=10)
    case.write(tmp_path)
    found = case.data(tmp_path, "instances").get_data_info(0)["instances"]
    assert found[0]["bbox"] == [WIDTH - 1, 10, WIDTH, 20]


@pytest.mark.parametrize("kind", ["panoptic", "instances"])
def test_a_filter_that_leaves_no_image(tmp_path, kind):
    case = Case()
    case.write(tmp_path)
    options = dict(test_mode=False, filter_cfg=dict(min_size=200))
    message = rf"leaves out all 2 images of .*{kind}\.json\. Lower its min_size"
    with pytest.raises(ValueError, match=message):
        case.data(tmp_path, kind, **options)
