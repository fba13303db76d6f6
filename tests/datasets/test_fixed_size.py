"""Jitter of scales and random windows: sizes, places and fill values by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from mmseg_maskformer.datasets.transforms.fixed_size import (
    LargeScaleJitter,
    RandomWindow,
    placement,
)
from mmseg_maskformer.datasets.transforms.resizing import ResizeWithLabels


@pytest.mark.parametrize(
    ("image", "scale", "fraction", "resized", "offset"),
    [
        ((480, 640), 1.0, 0.9, (768, 1024), (0, 0)),  # 1024 / 640 = 1.6
        ((480, 640), 2.0, 0.25, (1536, 2048), (128, 256)),  # a quarter of 512, 1024
        ((640, 480), 0.1, 0.5, (102, 77), (0, 0)),  # 102.4 / 640 = 0.16
        ((100, 100), 1.5, 1.0, (1536, 1536), (512, 512)),
        ((1, 4000), 0.1, 0.5, (1, 102), (0, 0)),  # never without a pixel
    ],
)
def test_place_of_an_image(image, scale, fraction, resized, offset):
    assert placement(image, (1024, 1024), scale, fraction) == (resized, offset)


def loaded(height=4, width=8):
    """Columns 0..width - 1 in the image; 1 to the left of the map, 2 to the right."""
    columns = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
    return dict(
        img=np.repeat(columns[..., None], 3, axis=2),
        img_shape=(height, width),
        gt_seg_map=np.where(columns < width // 2, 1, 2).astype(np.uint8),
        seg_fields=["gt_seg_map"],
        segments=[(1, 0, True), (2, 1, True)],
    )


def jitter(scale, fraction, monkeypatch, **options):
    """The transform with given random numbers."""
    numbers = iter([scale, fraction])
    monkeypatch.setattr(np.random, "uniform", lambda *limits: next(numbers))
    return LargeScaleJitter(size=(4, 4), **options)


def test_a_small_image_is_filled_at_the_right_and_below(monkeypatch):
    found = jitter(0.5, 0.5, monkeypatch)(loaded())  # 4 x 8 -> 1 x 2
    assert found["img_shape"] == found["img"].shape[:2] == (4, 4)
    assert (found["img"][1:] == 128).all()
    assert (found["img"][:, 2:] == 128).all()
    assert found["img"][0, :2, 0].tolist() == [2, 5]  # means by Pillow's triangle
    expected = np.full((4, 4), 255)
    expected[0, :2] = 1, 2
    assert found["gt_seg_map"].tolist() == expected.tolist()
    assert found["scale_factor"] == (0.25, 0.25)


def test_one_number_gives_the_crop_along_both_axes(monkeypatch):
    """At 8 x 8 with 1 of 4 rows cropped above, 1 of 4 columns is cropped left."""
    results = dict(img=np.arange(64, dtype=np.uint8).reshape(8, 8), seg_fields=[])
    found = jitter(2.0, 0.25, monkeypatch)(results)
    rows = 8 * np.arange(1, 5)[:, None]
    assert found["img"].tolist() == (rows + np.arange(1, 5)).tolist()


def test_fill_values_are_arguments(monkeypatch):
    pad_val = dict(img=7, seg=65)
    found = jitter(0.5, 0.0, monkeypatch, pad_val=pad_val)(loaded())
    assert found["img"][3, 3].tolist() == [7, 7, 7]
    assert found["gt_seg_map"][3, 3] == 65


@pytest.mark.mmdet
@pytest.mark.parametrize("polygons", [False, True])
def test_objects_follow_the_image(monkeypatch, polygons):
    """At 4 x 8, with 1 of 4 columns cropped left and the rest right."""
    pytest.importorskip("mmdet")
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks, PolygonMasks

    bitmaps = np.zeros((2, 4, 8), np.uint8)
    bitmaps[0, :2, :3] = bitmaps[1, 1:, 7:] = 1
    corners = np.array([[0, 0, 3, 0, 3, 2, 0, 2.0], [7, 1, 8, 1, 8, 4, 7, 4.0]])
    outlines = PolygonMasks([[corners[0]], [corners[1]]], 4, 8)
    results = loaded()
    results["gt_masks"] = outlines if polygons else BitmapMasks(bitmaps, 4, 8)
    results["gt_bboxes"] = HorizontalBoxes(np.zeros((2, 4), np.float32))  # wrong
    found = jitter(2.0, 0.25, monkeypatch)(results)
    masks = found["gt_masks"]
    assert (len(masks), masks.height, masks.width) == (2, 4, 4)
    expected = np.zeros((4, 4), np.uint8)
    expected[:2, :2] = 1
    assert masks.to_ndarray()[0].tolist() == expected.tolist()
    assert masks.areas.astype(int).tolist() == [4, 0]
    assert found["gt_bboxes"].tensor.tolist() == [[0, 0, 2, 2], [0, 0, 0, 0]]


@pytest.mark.mmdet
def test_polygons_are_resized_as_they_are():
    """One that crosses itself too, which a crop would cut."""
    pytest.importorskip("mmdet")
    from mmdet.structures.mask import PolygonMasks

    bow = np.array([0, 0, 4, 4, 4, 0, 0, 4.0])
    results = dict(img=np.zeros((4, 4), np.uint8), gt_masks=PolygonMasks([[bow]], 4, 4))
    found = ResizeWithLabels(scale=(8, 8))(results)["gt_masks"]
    assert (found.height, found.width) == (8, 8)
    assert found.masks[0][0].tolist() == [0, 0, 8, 8, 8, 0, 0, 8]


@pytest.mark.mmdet
def test_resized_objects_are_those_of_a_resized_map():
    """Masks take the pixels of a panoptic map; boxes are multiplied and clipped."""
    pytest.importorskip("mmdet")
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    numbers = np.random.default_rng(0).integers(0, 4, (40, 60)).astype(np.int32)
    ids = np.arange(4)
    bitmaps = (numbers == ids[:, None, None]).astype(np.uint8)
    results = dict(
        img=np.zeros((40, 60, 3), np.uint8),
        gt_seg_map=numbers,
        seg_fields=["gt_seg_map"],
        segments=[(1, 0, True)],  # as LoadPanopticMap leaves it
        gt_masks=BitmapMasks(bitmaps, 40, 60),
        gt_bboxes=HorizontalBoxes(np.array([[6, 4, 66, 40.0]], np.float32)),
    )
    found = ResizeWithLabels(scale=(45, 30), keep_ratio=True)(results)
    wanted = found["gt_seg_map"] == ids[:, None, None]
    assert wanted.shape == (4, 30, 45)
    assert np.array_equal(found["gt_masks"].to_ndarray(), wanted)
    assert found["gt_bboxes"].tensor.tolist() == [[4.5, 3, 45, 30]]  # times 3 / 4


def test_a_window_has_places_of_its_own_along_both_axes(monkeypatch):
    """Of 4 x 8 pixels 3 x 3 from (0..1, 0..5); the image is not resized."""
    limits, drawn = [], iter([1, 4])
    monkeypatch.setattr(
        np.random, "randint", lambda limit: limits.append(limit) or next(drawn)
    )
    found = RandomWindow(size=(3, 3))(loaded())
    assert limits == [2, 6]
    assert found["img"][..., 0].tolist() == [[4, 5, 6]] * 3
    assert found["gt_seg_map"].tolist() == [[2, 2, 2]] * 3
    assert found["img_shape"] == (3, 3)


def test_a_window_larger_than_the_image_is_filled():
    found = RandomWindow(size=(5, 9), pad_val=dict(seg=65))(loaded())
    assert found["img"][:4, :8, 0].tolist() == [list(range(8))] * 4
    assert (found["img"][4].min(), found["img"][:, 8].max()) == (128, 128)
    assert found["gt_seg_map"][4].tolist() == [65] * 9


@pytest.mark.mmdet
@pytest.mark.parametrize("name", ["LargeScaleJitter", "RandomWindow"])
def test_pipelines_with_it_pass_the_check_of_pipelines(name):
    from mmseg_maskformer.datasets.pipeline_checks import check_pipelines
    from tests.datasets.pipelines import FLIP, MASKS, SEGMENTS, instance, panoptic

    step = dict(type=f"mmseg_maskformer.{name}", size=(96, 96))
    check_pipelines(panoptic(SEGMENTS, FLIP, step), evaluated=False)
    check_pipelines(instance(MASKS, FLIP, step), evaluated=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(size=(0, 8)), r"size=\(0, 8\) of LargeScaleJitter must be a height"),
        (dict(scales=(2.0, 0.1)), r"scales=\(2.0, 0.1\) of LargeScaleJitter must be"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        LargeScaleJitter(**options)


def test_boxes_without_masks_are_refused():
    results = dict(loaded(), gt_bboxes=np.zeros((1, 4)), img_path="a.jpg")
    with pytest.raises(ValueError, match="a.jpg has boxes and no masks"):
        LargeScaleJitter()(results)
