"""What other programs are told of images and classes, and what they cannot be told."""

from __future__ import annotations

import re

import pytest

from mmseg_maskformer.datasets.ccp import merged
from mmseg_maskformer.engine.results.described_images import described_images
from tests.helpers.export import settings

UNSAID = [
    dict(type="ResizeShortestEdge", scale=64, max_size=128),
    dict(type="mmdet.FixScaleResize", scale=(64, 64), keep_ratio=True),
    dict(type="ResizeToMultiple", size_divisor=32),
    dict(type="Pad", size_divisor=32),
    dict(type="CenterCrop", crop_size=64),
    dict(type="RandomChoiceResize", scales=[(64, 64)]),
    dict(type="Normalize", mean=[0, 0, 0], std=[1, 1, 1]),
    dict(type="Resize", scale_factor=0.5),
    dict(type="Resize", scale=(64, 64), interpolation="nearest"),
]


def with_steps(*steps, **load):
    """A config whose test has these steps behind the loading."""
    config = settings()
    load = dict(type="LoadImageFromFile", _scope_="mmseg_maskformer", **load)
    pack = dict(type="PackSegInputs")
    labels = dict(type="LoadAnnotations")
    config.test_dataloader.dataset.pipeline = [load, *steps, labels, pack]
    return config


@pytest.mark.parametrize("step", UNSAID, ids=lambda step: step["type"])
def test_a_step_that_cannot_be_said_is_refused(step):
    text = rf"in .*ade20k\S+\.py has {re.escape(str(step))}, .* Leave one such step, or"
    with pytest.raises(ValueError, match=text):
        described_images(with_steps(step))


def test_a_second_resizing_is_refused_and_one_size_takes_the_place_of_both():
    first, second = (dict(type="Resize", scale=(n, n)) for n in (64, 32))
    with pytest.raises(ValueError, match=r"scale': \(32, 32\)\}, and other programs"):
        described_images(with_steps(first, second))
    found = described_images(with_steps(first, second), size=(48, 96))
    assert found["resize"]["scale"] == [96, 48]
    with pytest.raises(ValueError, match="has {'type': 'Pad', 'size_divisor': 32},"):
        described_images(with_steps(UNSAID[3]), size=(48, 96))


@pytest.mark.parametrize("kind", ["unchanged", "grayscale_ignore_orientation"])
def test_images_that_are_not_loaded_in_colours_are_refused(kind):
    with pytest.raises(ValueError, match=rf"has color_type='{kind}', .* train with"):
        described_images(with_steps(color_type=kind))


def test_one_number_is_both_sides():
    found = described_images(with_steps(dict(type="Resize", scale=64)))
    assert found["resize"] == dict(scale=[64, 64], keep_ratio=False, backend="cv2")


def classes(**dataset):
    """Names of the classes of a data set."""
    config = settings()
    config.merge_from_dict(dict(test_dataloader=dict(dataset=dataset)))
    return described_images(config)["classes"]


def test_names_are_those_of_the_built_data_set(tmp_path):
    ccp = dict(_delete_=True, type="mmseg_maskformer.CCPDataset", pipeline=[])
    assert list(classes(**ccp, num_classes=22)) == merged(22)[0]
    ade = classes(metainfo=None)
    assert (len(ade), ade[0]) == (150, "wall")
    assert classes(metainfo=dict(palette=[(0, 0, 0)] * 150)) == ade
    (tmp_path / "names.txt").write_text("wall\nsky\n")
    path = str(tmp_path / "names.txt")
    assert classes(metainfo=dict(classes=path)) == ["wall", "sky"]
    with pytest.raises(ValueError, match=r"is the text 'absent\.txt' and no list"):
        host = dict(_delete_=True, type="mmseg.BaseSegDataset", pipeline=[])
        classes(**host, metainfo=dict(classes="absent.txt"))


def test_an_unknown_data_set_is_a_sentence():
    with pytest.raises(ValueError, match=r"dataset of .*\.py cannot be built: .*MyDat"):
        classes(type="MyDataset")
    with pytest.raises(ValueError, match=r"'PascalVOCDataset' of .*wants its files\."):
        classes(_delete_=True, type="PascalVOCDataset", ann_file="absent", pipeline=[])
    with pytest.raises(ValueError, match="cannot be built: dataset metainfo `classes`"):
        classes(_delete_=True, type="BaseSegDataset", test_mode=True, pipeline=[])
