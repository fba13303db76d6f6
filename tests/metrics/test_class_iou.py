"""mIoU of the classes that occur, and of frequent and rare ones."""

from __future__ import annotations

import pytest
import torch
from mmseg.evaluation.metrics import IoUMetric as HostMetric

from mmseg_maskformer.metrics.class_iou import IoUMetric

# Class 3 is predicted, but does not occur.
TRUTH = torch.tensor([[0, 0, 0, 1], [1, 2, 2, 255]])
GUESS = torch.tensor([[0, 0, 3, 1], [0, 2, 1, 0]])
META = dict(classes=("a", "b", "c", "d"))


def scores(metric, **meta):
    metric.dataset_meta = {**META, **meta}
    sample = dict(gt_sem_seg=dict(data=TRUTH), pred_sem_seg=dict(data=GUESS))
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
