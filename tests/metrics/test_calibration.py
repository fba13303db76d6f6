"""Expected calibration error: closed forms, void pixels, what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmseg_maskformer.metrics.calibration import (
    CalibrationError,
    calibration_error,
    reliability_counts,
)


def sample(confidence, predicted, truth):
    """A data sample of one row of pixels, as mmengine hands it to metrics."""
    fields = dict(pred_confidence=confidence, pred_sem_seg=predicted, gt_sem_seg=truth)
    return {key: dict(data=torch.tensor(x)[None, None]) for key, x in fields.items()}


def evaluated(*samples, **arguments):
    metric = CalibrationError(**arguments)
    for one in samples:
        metric.process(None, [one])
    return metric, metric.compute_metrics(metric.results)


def test_nothing_evaluated_is_no_number():
    metric, found = evaluated(bins=2)
    assert np.array_equal(metric.counts, np.zeros((2, 3)))
    assert list(map(math.isnan, found.values())) == [True] * 3


def test_closed_form_over_two_images():
    # bins (0, 0.5] and (0.5, 1]. First: 0.4 right, 0.5 wrong, 0.2 wrong: 1.1 against 1.
    # Second: 0.6 wrong, 0.9 right, 1.0 right, 0.7 wrong: 3.2 against 2.
    # (|1.1 - 1| + |3.2 - 2|) / 7 = 1.3 / 7; confidence 4.3 / 7, right 3 / 7.
    # The pixel of label 255 counts nowhere.
    first = sample([0.4, 0.6, 0.5], [1, 1, 2], [1, 0, 0])
    second = sample([0.9, 1.0, 0.7, 0.2, 0.9], [3, 3, 0, 1, 0], [3, 3, 1, 2, 255])
    metric, found = evaluated(first, second, bins=2)
    expected = [[3, 1.1, 1], [4, 3.2, 2]]
    np.testing.assert_allclose(metric.counts, expected, rtol=1e-6)
    assert found == pytest.approx(
        dict(ECE=130 / 7, mean_confidence=430 / 7, right_pixels=300 / 7), rel=1e-6
    )


def test_confident_and_right_has_no_error_and_confident_and_wrong_has_all():
    _, right = evaluated(sample([1.0] * 4, [2] * 4, [2] * 4))
    _, wrong = evaluated(sample([1.0] * 4, [2] * 4, [1] * 4))
    assert (right["ECE"], wrong["ECE"]) == (0, 100)


def test_labels_drawn_by_their_probability_are_calibrated():
    # 400,000 draws: of n_b = 26,667 in a bin the share has a deviation of at most
    # 0.5 / sqrt(n_b) = 0.3 %, the mean distance over bins is less
    generator = np.random.default_rng(0)
    confidence = generator.uniform(size=400_000)
    right = generator.uniform(size=400_000) < confidence
    assert calibration_error(reliability_counts(confidence, right, 15)) < 0.003
    # overconfident: sqrt(p) for p, distance in the mean 2 / 3 - 1 / 2 = 1 / 6
    counts = reliability_counts(np.sqrt(confidence), right, 15)
    assert calibration_error(counts) == pytest.approx(1 / 6, abs=0.003)


def test_bins_hold_their_upper_end():
    confidence = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    counts = reliability_counts(confidence, confidence > 0.6, 4)
    assert counts[:, 0].tolist() == [3, 1, 1, 1]
    assert counts[:, 2].tolist() == [0, 0, 1, 1]


def test_counts_of_parts_add_up():
    generator = np.random.default_rng(1)
    confidence = generator.uniform(size=1000).astype(np.float32)
    right = generator.uniform(size=1000) < 0.5
    whole = reliability_counts(confidence, right, 15)
    parts = [slice(0, 300), slice(300, 1000)]
    total = sum(reliability_counts(confidence[x], right[x], 15) for x in parts)
    np.testing.assert_allclose(total, whole, rtol=1e-12)


def test_another_void_label():
    _, found = evaluated(sample([0.9, 0.9], [1, 1], [1, 65535]), ignore_index=65535)
    assert found["right_pixels"] == 100


def test_what_is_missing_is_a_sentence():
    one = sample([0.9], [1], [1])
    del one["pred_confidence"]
    with pytest.raises(KeyError, match=r"pred_confidence.*test_cfg\.uncertainty=True"):
        CalibrationError().process(None, [one])
    with pytest.raises(ValueError, match="bins must be positive, got 0"):
        CalibrationError(bins=0)


def test_an_image_of_void_alone_has_no_percentages():
    _, found = evaluated(sample([0.9], [1], [255]))
    assert [math.isnan(value) for value in found.values()] == [True] * 3
