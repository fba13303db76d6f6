"""mIoU of the classes that occur, and of frequent and rare ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmseg.evaluation.metrics import IoUMetric as HostMetric

from mmseg_maskformer.metrics.class_iou import IoUMetric

# Class 3 is predicted, but does not occur.
TRUTH = torch.tensor([[0, 0, 0, 1], [1, 2, 2, 255]])
GUESS = torch.tensor([[0, 0, 3, 1], [0, 2, 1, 0]])
META = dict(classes=("a", "b", "c", "d"))


def scores(metric, truth=TRUTH, guess=GUESS, **meta):
    metric.dataset_meta = {**META, **meta}
    sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=guess))
    metric.process({}, [sample])
    found = metric.compute_metrics(metric.results)
    assert metric.dataset_meta == {**META, **meta}
    return found


def test_a_class_that_does_not_occur_does_not_count():
    found = scores(IoUMetric())
    # IoU 2/4 (two of three, one pixel of class 1 besides), 1/3, 1/2
    assert found["mIoU"] == pytest.approx(100 * (2 / 4 + 1 / 3 + 1 / 2) / 3, abs=0.01)
    assert found["mAcc"] == pytest.approx(100 * (2 / 3 + 1 / 2 + 1 / 2) / 3, abs=0.01)
    assert found["aAcc"] == pytest.approx(100 * 4 / 7, abs=0.01)
    host = scores(HostMetric())  # whose fourth IoU is 0
    assert host["mIoU"] == pytest.approx(0.75 * found["mIoU"], abs=0.01)
    assert host["aAcc"] == found["aAcc"]
    assert "mIoU_rare" not in found


def test_a_class_without_a_right_pixel_counts_0():
    """Nor is it ever predicted: its precision and F score are 0 / 0."""
    truth, guess = torch.tensor([[0, 0, 0, 1]]), torch.tensor([[0, 0, 0, 0]])
    found = scores(IoUMetric(iou_metrics=["mDice", "mFscore"]), truth, guess)
    # class 0: precision 3/4, recall 1, F1 = Dice = 2 * 3 / (4 + 3); class 1: 0
    assert found["mFscore"] == found["mDice"] == pytest.approx(100 * 3 / 7, abs=0.01)
    assert found["mPrecision"] == pytest.approx(100 * 3 / 8, abs=0.01)
    assert found["mRecall"] == 50.0
    nothing = torch.full_like(truth, 255)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        void = scores(IoUMetric(), nothing, guess)
    assert np.isnan([void["aAcc"], void["mIoU"]]).all()  # 0 / 0, and no class
    asked = IoUMetric(iou_metrics=["mFscore"], nan_to_num=1)
    assert scores(asked, truth, guess)["mPrecision"] == 87.5  # 3/4 and 1


def test_pixels_of_a_class_are_counted_beyond_float32():
    """Of 2^24 + 4 pixels 3 are predicted as another class."""
    count = (1 << 24) + 4
    true, predicted = torch.zeros(2, count, dtype=torch.uint8)
    predicted[:3], true[-1] = 1, 255
    found = IoUMetric.intersect_and_union(predicted, true, 2, 255)
    expected = [count - 4, 0], [count - 1, 3], [count - 4, 3], [count - 1, 0]
    assert [x.tolist() for x in found] == list(expected)


def test_groups_by_the_number_of_training_images():
    """30 and 200 are common; a group without classes has no score."""
    images = (201, 30, 200, 1)
    found = scores(IoUMetric(), train_images=images)
    assert found["mIoU_frequent"] == 50.0  # of class 0
    assert found["mIoU_common"] == pytest.approx(100 * (1 / 3 + 1 / 2) / 2, abs=0.01)
    assert "mIoU_rare" not in found  # class 3 does not occur
    found = scores(IoUMetric(frequency_bounds=(31, 200)), train_images=images)
    assert found["mIoU_rare"] == pytest.approx(100 / 3, abs=0.01)
    assert found["mIoU_common"] == 50.0
