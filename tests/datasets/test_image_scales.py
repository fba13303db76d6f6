"""The scale of images in training against that in evaluation."""

from __future__ import annotations

import numpy as np
import pytest

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)
from mmseg_maskformer.datasets.image_scales import compared_scales, scales_differ
from tests.helpers.image_scales import Images, resizing

CROP = dict(type="RandomCrop", crop_size=(60, 60))


def test_photos_that_only_training_makes_small_are_told_with_the_factor():
    scale = dict(scale=(20, 15), keep_ratio=True)
    small = Images(dict(type="RandomResize", ratio_range=(1, 1), **scale), CROP)
    assert compared_scales(small, Images()) == pytest.approx((1 / 8, 1, 1 / 8))
    assert scales_differ(small, Images()) == (
        "Training shows images at 0.125 times the size of their files, evaluation at 1 "
        "(medians): in evaluation objects are 8.0 times larger than in training."
    )
    assert scales_differ(small, Images(dict(type="Resize", **scale))) == ""


def test_scales_of_several_resizings_are_multiplied():
    """Half, a crop, then six times as large; or, by the other choice, three times."""
    twice = [resizing(0.5), CROP, resizing(6.0)]
    train = Images(
        dict(type="RandomChoice", transforms=[twice, [resizing(3.0)]]),
        dict(type="RandomApply", transforms=[resizing(9.0)], prob=0.0),
    )
    assert compared_scales(train, Images(resizing(1.5))) == pytest.approx((3, 1.5, 2))
    assert scales_differ(train, Images(resizing(1.5))) == ""  # a factor of 2 is no more
    assert "are 3.0 times smaller than in" in scales_differ(train, Images())


def test_the_median_of_a_random_resizing_leaves_random_numbers_alone():
    """Uniform from 1 to 5: of 15 draws the median is 3, its deviation about 0.5."""
    train = Images(
        dict(type="RandomResize", scale=(160, 120), ratio_range=(1.0, 5.0)), CROP
    )
    np.random.seed(3)
    found = compared_scales(train, Images())
    after = np.random.rand()
    np.random.seed(3)
    assert after == np.random.rand()
    assert 1.5 < found.ratio < 4.5
    assert found == compared_scales(train, Images())


def test_jitter_to_a_fixed_size_is_a_scale():
    """120 x 160 fit into four times 60 x 80 at twice their size."""
    jitter = "mmseg_maskformer.LargeScaleJitter"
    train = Images(dict(type=jitter, size=(60, 80), scales=(4.0, 4.0)))
    assert compared_scales(train, Images()) == pytest.approx((2, 1, 2))


def fails(results):
    raise KeyError("mix_results")


def test_what_cannot_be_tried_is_left_alone():
    assert compared_scales(Images(resizing(9.0), fails), Images()) is None
    assert scales_differ(Images(resizing(9.0), fails), Images()) == ""
