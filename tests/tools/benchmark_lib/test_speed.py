"""Images a second over a whole data set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark_lib import speed
from benchmark_lib.speed import timed_predictions


class Model(nn.Module):
    """Predicts an image in as many seconds as it is told."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.weight = nn.Parameter(torch.zeros(()))

    def test_step(self, seconds):
        self.now += sum(seconds)
        return list(seconds)


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[9.0], [9.0], [2.0], [3.0, 1.0]], (3, 6.0)),  # two calls do not count
        ([[9.0], [4.0]], (2, 13.0)),  # fewer than are left out: all count
        ([], (0, 0.0)),
    ],
)
def test_seconds_of_predictions_are_counted_and_of_nothing_else(
    batches, expected, monkeypatch
):
    model = Model()
    monkeypatch.setattr(speed, "WARM_UP", 2)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: model.now)
    with timed_predictions(model) as times:
        for batch in batches:
            model.now += 100.0  # loading
            assert model.test_step(batch) == batch
    model.test_step([50.0])
    assert (times.images, times.seconds) == expected
    rate = expected[0] / expected[1] if batches else None
    assert times.images_per_second == rate
