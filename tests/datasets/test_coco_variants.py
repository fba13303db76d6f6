"""Annotation files in unusual forms, and what data sets are asked to choose of them."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("mmdet")
from mmseg_maskformer.datasets import coco_files
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


@pytest.mark.parametrize("kind", ["panoptic", "instances"])
def test_a_filter_that_leaves_no_image(tmp_path, kind):
    case = Case()
    case.write(tmp_path)
    options = dict(test_mode=False, filter_cfg=dict(min_size=200))
    message = rf"leaves out all 2 images of .*{kind}\.json\. Lower its min_size"
    with pytest.raises(ValueError, match=message):
        case.data(tmp_path, kind, **options)
