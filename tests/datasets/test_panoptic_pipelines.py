"""Sizes, crops and padding that the panoptic configs draw, by the paper's rules."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, TRANSFORMS, DefaultScope

from tests.conftest import REPOSITORY

pytest.importorskip("mmdet")
pytestmark = pytest.mark.mmdet


def leaf(name):
    path = REPOSITORY / f"configs/maskformer/maskformer_{name}.py"
    return Config.fromfile(path)


def built(pipeline):
    with DefaultScope.overwrite_default_scope("mmdet"):
        return [TRANSFORMS.build(step) for step in pipeline]


def loaded(height, width):
    """What the loading steps give."""
    return dict(
        img=np.full((height, width, 3), 7, np.uint8),
        img_shape=(height, width),
        gt_seg_map=np.ones((height, width), np.uint8),
        seg_fields=["gt_seg_map"],
    )


def resized(size, side, cap):
    """Spec 6.4: short side to `side`, long side at most `cap`."""
    factor = side / min(size)
    factor *= min(1, cap / (max(size) * factor))
    return tuple(int(factor * x + 0.5) for x in size)


@pytest.mark.parametrize("size", [(48, 64), (90, 30), (30, 90)])
@pytest.mark.parametrize("cap", [1333, 1000])
def test_sizes_on_coco_are_drawn_as_in_detr(size, cap):
    np.random.seed(0)
    name = {1333: "swin-b-in22k", 1000: "swin-l-in22k"}[cap]
    pipeline = leaf(f"{name}_64xb1-554k_coco-panoptic").train_pipeline
    assert [x.type for x in pipeline[2:-1]] == [
        *("RandomFlip", "RandomApply", "RandomChoiceResize")
    ]
    flip, maybe, resize = built(pipeline[2:-1])
    enlarge, crop = maybe.transforms.transforms
    seen = defaultdict(set)
    drawn = 60
    for _ in range(drawn):
        results = flip(loaded(*size))
        if maybe.random_apply():
            results = enlarge(results)
            before = results["img_shape"]
            assert before in {resized(size, x, 10**9) for x in (400, 500, 600)}
            results = crop(results)
            for side, cropped in zip(before, results["img_shape"], strict=True):
                assert min(side, 384) <= cropped <= min(side, 600)
            seen["crops"].add(results["img_shape"])
        start = results["img_shape"]
        results = resize(results)
        allowed = {resized(start, x, cap) for x in range(480, 801, 32)}
        assert results["img_shape"] in allowed
        assert results["gt_seg_map"].shape == results["img"].shape[:2]
        seen["sizes"].add(results["img_shape"])
    # Half of 60 draws, more than five standard deviations (4) apart from 10 and 50.
    assert 10 < len(seen["crops"]) < 50
    assert len(seen["sizes"]) > 20


def test_all_short_sides_of_coco_occur():
    np.random.seed(0)
    config = leaf("r50-6enc_64xb1-554k_coco-panoptic")
    (resize,) = built(config.train_pipeline[4:5])
    sides = {resize(loaded(20, 20))["img_shape"][0] for _ in range(100)}
    assert sorted(sides) == [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]


def test_crops_on_ade20k_are_padded_before_they_are_normalised():
    pipeline = leaf("r50-6enc_8xb2-720k_ade20k-panoptic-640x640").train_pipeline
    kinds = [step.type for step in pipeline[2:-1]]
    assert kinds == [
        *("RandomChoiceResize", "RandomCrop", "mmseg.PhotoMetricDistortion"),
        *("RandomFlip", "Pad"),
    ]
    assert pipeline[2].scales == [(2560, side) for side in range(320, 1281, 64)]
    pipeline[2].scales = [(2560, 320)]
    results = loaded(20, 50)
    for step in built([pipeline[2], pipeline[3], pipeline[6]]):
        results = step(results)
    # 20 x 50 becomes 320 x 800, of which 320 x 640 are kept
    assert results["img"].shape == (640, 640, 3)
    assert np.unique(results["img"][:320]).tolist() == [7]
    assert np.unique(results["img"][320:]).tolist() == [128]
    assert np.unique(results["gt_seg_map"][:320]).tolist() == [1]
    assert np.unique(results["gt_seg_map"][320:]).tolist() == [0]


def test_sample_of_coco_goes_through_both_pipelines(shared_data, tmp_path):
    """Two images of COCO val with 18 and 32 segments."""
    folder = shared_data / "coco_panoptic_sample"
    content = json.loads((folder / "panoptic.json").read_text())
    content["categories"] = json.loads((folder / "categories.json").read_text())
    (tmp_path / "panoptic.json").write_text(json.dumps(content))
    config = leaf("r50-6enc_64xb1-554k_coco-panoptic")
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.data_root = str(folder)
        loader.dataset.ann_file = str(tmp_path / "panoptic.json")
        loader.dataset.data_prefix = dict(img="images", seg="panoptic")
        with DefaultScope.overwrite_default_scope("mmdet"):
            dataset = DATASETS.build(loader.dataset)
            samples = [packed["data_samples"] for packed in dataset]
        counts = {len(sample.gt_segments) for sample in samples}
        assert counts == {18, 32}
        labels = torch.cat([sample.gt_segments.labels for sample in samples])
        things = torch.cat([sample.gt_segments.is_thing for sample in samples])
        assert ((labels < 80) >= things).all()
        assert labels.max() < 133
    assert [sample.img_shape for sample in samples] == [
        resized(sample.ori_shape, 800, 1333) for sample in samples
    ]
