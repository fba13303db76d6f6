"""Panoptic maps from disk to the data sample, and the segments beside them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

pytest.importorskip("mmdet")
from mmcv.transforms import Compose
from mmdet.structures.mask import BitmapMasks
from mmengine.registry import TRANSFORMS, DefaultScope

from mmseg_maskformer.datasets.transforms.panoptic_maps import (
    LoadPanopticMap,
    PackPanopticInputs,
)
from tests.datasets.panoptic_files import (
    BLUE,
    GREEN,
    RED,
    build,
    content,
    loaded,
    many_segments,
    packed,
    painted,
    with_image,
    write_set,
)

pytestmark = pytest.mark.mmdet


@pytest.fixture
def dataset(tmp_path):
    write_set(tmp_path)
    return build(tmp_path)


def test_ids_become_places_in_the_list(dataset):
    found = loaded(dataset)
    # The list has blue, green, red; green is a crowd, black is void.
    assert found["gt_seg_map"].tolist() == [[0, 3, 3, 2], [1, 1, 1, 2]]
    assert found["segments"] == [(1, 2, 0), (2, 1, False), (3, 0, 1)]


def test_segments_lie_beside_the_image(dataset):
    found = packed(loaded(dataset))
    assert found.gt_segment_map.data.tolist() == [[[0, 3, 3, 2], [1, 1, 1, 2]]]
    assert found.gt_segments.ids.tolist() == [1, 2, 3]
    assert found.gt_segments.labels.tolist() == [2, 1, 0]
    assert found.gt_segments.is_thing.tolist() == [False, False, True]
    assert "gt_sem_seg" not in found


@pytest.mark.parametrize(
    ("keep_empty", "numbers"), [(True, [1, 2, 3]), (False, [1, 3])]
)
def test_segments_that_were_cropped_away(dataset, keep_empty, numbers):
    results = loaded(dataset)
    results["gt_seg_map"] = results["gt_seg_map"][:, :3]  # without the crowd
    found = packed(results, keep_empty=keep_empty, with_host_targets=True)
    assert found.gt_segments.ids.tolist() == numbers
    assert found.gt_segments.labels.tolist() == [[2, 1, 0][x - 1] for x in numbers]
    assert found.gt_segment_map.data.tolist() == [[[0, 3, 3], [1, 1, 1]]]
    assert found.gt_sem_seg.sem_seg.tolist() == [[[255, 0, 0], [2, 2, 2]]]


def test_a_crop_of_void_has_no_segment(dataset):
    results = loaded(dataset)
    results["gt_seg_map"] = results["gt_seg_map"][:1, :1]
    found = packed(results, keep_empty=False, with_host_targets=True)
    assert len(found.gt_segments) == len(found.gt_instances) == 0
    assert found.gt_sem_seg.sem_seg.tolist() == [[[255]]]


def test_a_listed_segment_without_pixels_stays(tmp_path):
    write_set(tmp_path)
    painted([[0, 0, 0, GREEN], [BLUE, 0, 0, 0]])(tmp_path)  # red is covered
    found = packed(loaded(build(tmp_path)), with_host_targets=True)
    assert found.gt_segments.labels.tolist() == [2, 1, 0]
    assert found.gt_segment_map.data.tolist() == [[[0, 0, 0, 2], [1, 0, 0, 0]]]
    assert found.gt_instances.masks.masks.sum() == 0


def test_targets_of_the_host(dataset):
    found = packed(loaded(dataset), with_host_targets=True)
    objects = found.gt_instances  # one cell; the crowd of fibres is no object
    assert objects.masks.masks.tolist() == [[[0, 1, 1, 0], [0, 0, 0, 0]]]
    assert objects.bboxes.tolist() == [[1, 0, 3, 1]]  # x1, y1, x2, y2
    assert objects.labels.tolist() == [0]
    assert found.gt_sem_seg.sem_seg.tolist() == [[[255, 0, 0, 1], [2, 2, 2, 1]]]


def test_more_segments_than_fit_into_a_byte(tmp_path):
    found = LoadPanopticMap().transform(many_segments(tmp_path / "many.png"))
    numbers = [*range(1, 255), *range(256, 302)]  # 255 is what hosts fill in
    assert found["gt_seg_map"].ravel().tolist() == numbers
    found = packed(found, with_host_targets=True)
    assert found.gt_segment_map.data.ravel().tolist() == numbers
    assert found.gt_sem_seg.sem_seg.ravel().tolist() == [0, 1, 2] * 100
    assert found.gt_instances.masks.masks[299].ravel().nonzero()[0].tolist() == [299]


def resize(kind, **options):
    return dict(type=kind, interpolation="nearest", **options)


CHAINS = {
    "resize of the host": [resize("Resize", scale=(33, 27), keep_ratio=False)],
    "resize": [resize("mmseg_maskformer.ResizeWithLabels", scale_factor=2.0)],
    "random resize": [
        dict(
            type="RandomResize",
            scale=(40, 30),
            ratio_range=(0.5, 2.0),
            keep_ratio=True,
            resize_type="Resize",
            interpolation="nearest",
        )
    ],
    "horizontal flip": [dict(type="RandomFlip", prob=1.0)],
    "vertical flip": [dict(type="RandomFlip", prob=1.0, direction="vertical")],
    "diagonal flip": [dict(type="RandomFlip", prob=1.0, direction="diagonal")],
    "crop": [dict(type="RandomCrop", crop_size=(7, 9))],
    "all": [
        resize("mmseg_maskformer.ResizeWithLabels", scale_factor=3.0),
        dict(type="RandomFlip", prob=0.5),
        dict(type="RandomCrop", crop_size=(13, 17)),
    ],
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("number", [30, 300], ids=["bytes", "wide"])
def test_host_transforms_keep_map_and_image_together(tmp_path, chain, number):
    results = many_segments(tmp_path / "many.png", number)
    results = with_image(LoadPanopticMap().transform(results))
    before = results["gt_seg_map"]
    np.random.seed(0)
    with DefaultScope.overwrite_default_scope("mmdet"):
        found = Compose([TRANSFORMS.build(step) for step in chain])(results)
    image, numbers = found["img"].astype(int), found["gt_seg_map"]
    assert numbers.shape != before.shape or (numbers != before).any()
    np.testing.assert_array_equal(image[..., 0] + 256 * image[..., 1], numbers)


@pytest.mark.parametrize("given", [{}, dict(segments_info=[], seg_map_path=None)])
def test_an_image_without_annotation_goes_on(given):
    results = dict(img=np.zeros((4, 6, 3), np.uint8), img_path="a.jpg", **given)
    assert LoadPanopticMap().transform(results) is results
    sample = PackPanopticInputs().transform(results)["data_samples"]
    assert "gt_segment_map" not in sample


def test_pixels_filled_in_with_another_number_are_refused(dataset):
    results = loaded(dataset)
    results["gt_seg_map"][0, 0] = 7
    with pytest.raises(ValueError, match=r"has number 7, but its 3 .*seg=0"):
        packed(results)


@pytest.mark.parametrize("number", [30, 300], ids=["bytes", "wide"])
def test_what_the_host_fills_in_is_void(tmp_path, number):
    results = LoadPanopticMap().transform(many_segments(tmp_path / "a.png", number))
    with DefaultScope.overwrite_default_scope("mmdet"):
        pad = TRANSFORMS.build(dict(type="Pad", size=(40, 30)))
    width, height = number // 15, 15
    sample = packed(pad(with_image(results)), with_host_targets=True)
    numbers, classes = sample.gt_segment_map.data[0], sample.gt_sem_seg.sem_seg[0]
    assert numbers[:height, :width].unique().numel() == number
    assert (numbers[:height, :width] > 0).all()
    assert numbers.count_nonzero() == number
    assert classes[:height, :width].max() == 2
    assert (classes == 255).sum() == classes.numel() - number


def test_a_class_that_the_host_takes_for_void_is_not_packed_for_it(dataset):
    results = loaded(dataset)
    results["segments"][0] = (1, 255, False)
    assert 255 in packed(results).gt_segments.labels
    with pytest.raises(ValueError, match="has segments of class 255, which the host"):
        packed(results, with_host_targets=True)


def test_masks_for_the_host_are_made_when_they_are_read(tmp_path):
    results = LoadPanopticMap().transform(many_segments(tmp_path / "a.png"))
    sample = packed(results, with_host_targets=True)
    # three maps of 300 pixels, 300 boxes and labels, but not 300 masks (90,000)
    assert len(pickle.dumps(sample.gt_instances)) < 15000
    masks = sample.gt_instances.masks
    assert masks[[5, 7]].masks.reshape(2, -1).argmax(1).tolist() == [5, 7]
    expected = BitmapMasks(masks.masks, 15, 20)
    assert (masks.pad((20, 30)).masks == expected.pad((20, 30)).masks).all()
    assert (masks.to_tensor(bool, "cpu") == expected.to_tensor(bool, "cpu")).all()
    assert len(masks) == 300
    assert (sample.gt_instances.bboxes == expected.get_bboxes("hbox").tensor).all()


def test_maps_of_the_host_are_refused():
    results = dict(img_path="a.jpg", gt_seg_map=np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"no list of segments for a\.jpg: load its"):
        packed(results)


def test_host_data_set_of_objects_is_refused(tmp_path):
    results = dict(img_path="a.jpg", seg_map_path=None, instances=[])
    with pytest.raises(ValueError, match=r"a\.jpg\. LoadPanopticMap needs .*CocoPanop"):
        LoadPanopticMap().transform(results)


@pytest.mark.parametrize(("wrong", "shown"), [(RED, "5"), (0, "0")])
def test_ids_that_are_not_one_segment_are_refused(tmp_path, wrong, shown):
    annotations = content()
    annotations["annotations"][0]["segments_info"][0]["id"] = wrong
    write_set(tmp_path, annotations)
    with pytest.raises(ValueError, match=rf"id.s. {shown} of .*first\.png twice or as"):
        loaded(build(tmp_path))


def assert_areas_are_listed(dataset, annotations, image_ids):
    """Pixels of every segment are as many as the annotation file says."""
    assert len(image_ids) > 1
    places = {dataset.get_data_info(i)["img_id"]: i for i in range(len(dataset))}
    for annotation in annotations:
        if annotation["image_id"] in image_ids:
            found = loaded(dataset, places[annotation["image_id"]])["gt_seg_map"]
            areas = [segment["area"] for segment in annotation["segments_info"]]
            assert np.bincount(found.ravel(), minlength=1)[1:].tolist() == areas


def test_real_nuclei_have_the_listed_areas(shared_data):
    root = shared_data / "dsb2018"
    annotations = json.loads((root / "panoptic_train.json").read_text())["annotations"]
    most = max(annotations, key=lambda image: len(image["segments_info"]))
    assert len(most["segments_info"]) == 152
    dataset = build(
        root,
        ann_file="panoptic_train.json",
        data_prefix=dict(img="images/train", seg="panoptic_train"),
        metainfo=dict(
            classes=("nucleus", "background"),
            thing_classes=("nucleus",),
            stuff_classes=("background",),
        ),
    )
    assert_areas_are_listed(dataset, annotations, {1, 2, 3, most["image_id"]})


def test_real_scenes_have_the_listed_areas(shared_data):
    root = shared_data / "coco_panoptic_sample"
    annotations = json.loads((root / "panoptic.json").read_text())["annotations"]
    assert [len(x["segments_info"]) for x in annotations] == [18, 32]
    dataset = build(
        root,
        ann_file="panoptic.json",
        data_prefix=dict(img="images", seg="panoptic"),
        metainfo=None,  # COCO's classes are the host's default
    )
    assert_areas_are_listed(dataset, annotations, {142238, 439180})
