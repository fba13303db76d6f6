"""The summary of uncertainty maps: closed forms, void pixels, what is missing."""

from __future__ import annotations

import math

import pytest
import torch

from mmseg_maskformer.metrics.uncertainty import UncertaintySummary


def sample(truth, predicted, **maps):
    """A data sample of one row of pixels, as mmengine hands it to metrics."""
    fields = dict(gt_sem_seg=truth, pred_sem_seg=predicted)
    fields |= {f"pred_{name}": values for name, values in maps.items()}
    return {key: dict(data=torch.tensor(x)[None, None]) for key, x in fields.items()}


def evaluated(*samples, **arguments):
    metric = UncertaintySummary(**arguments)
    metric.process(None, samples)
    return metric.compute_metrics(metric.results)


def test_closed_form_over_two_images():
    # right: 0.5, 0.75 and 1.0, mean 0.75; wrong: 0.25 and 0.5, mean 0.375.
    # The last pixel of the first image is void.
    first = sample(
        [0, 1, 255],
        [0, 0, 3],
        confidence=[0.5, 0.25, 0.0],
        entropy=[0.5, 1.0, 0.0],
        no_object=[0.125, 0.5, 1.0],
    )
    second = sample(
        [2, 2, 1],
        [2, 2, 2],
        confidence=[0.75, 1.0, 0.5],
        entropy=[0.25, 0.0, 0.5],
        no_object=[0.0, 0.25, 0.25],
    )
    assert evaluated(first, second) == pytest.approx(
        dict(
            confidence_low=0.25,
            confidence_high=1.0,
            confidence_right=0.75,
            confidence_wrong=0.375,
            entropy_low=0.0,
            entropy_high=1.0,
            entropy_right=0.25,
            entropy_wrong=0.75,
            no_object_low=0.0,
            no_object_high=0.5,
            no_object_right=0.125,
            no_object_wrong=0.375,
        )
    )


@pytest.mark.parametrize("samples", [(), ([255], [1])])
def test_nothing_counted_is_no_number(samples):
    maps = dict.fromkeys(("confidence", "entropy", "no_object"), [0.5])
    found = evaluated(*([sample(*samples, **maps)] if samples else []))
    assert list(map(math.isnan, found.values())) == [True] * 12


def test_another_void_label_and_no_wrong_pixel():
    maps = dict.fromkeys(("confidence", "entropy", "no_object"), [0.5, 0.75])
    found = evaluated(sample([1, 65535], [1, 1], **maps), ignore_index=65535)
    assert found["entropy_high"] == found["entropy_right"] == 0.5
    assert math.isnan(found["entropy_wrong"])


def test_a_missing_map_is_a_sentence():
    one = sample([1], [1], confidence=[0.5], entropy=[0.5])
    message = r"needs pred_no_object .*test_cfg\.uncertainty=True"
    with pytest.raises(KeyError, match=message):
        evaluated(one)


def test_every_sample_has_a_result_as_processes_exchange_one_for_each():
    maps = dict.fromkeys(("confidence", "entropy", "no_object"), [0.5])
    metric = UncertaintySummary()
    metric.process(None, [sample([255], [1], **maps), sample([1], [1], **maps)])
    assert len(metric.results) == 2
    assert metric.compute_metrics(metric.results)["entropy_low"] == 0.5
