"""How many images a second a model predicts, over a whole data set.

The protocol of the paper (its Table 3): from an image in memory to its result, maps and
segments included, one image of the validation set after the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmengine.model import BaseModel

from .measure import synchronize

WARM_UP = 5  # calls that are not counted: libraries choose their algorithms


@dataclass
class Times:
    """Images, and the seconds that their predictions took.

    Attributes:
        images: number of images, without those of calls that do not count.
        seconds: of all of them together, loading and evaluation left out.
    """

    images: int = 0
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float | None:
        """None before anything was counted."""
        return self.images / self.seconds if self.images else None


@contextmanager
def timed_predictions(model: BaseModel) -> Iterator[Times]:
    """Count the images and seconds of ``model.test_step`` inside.

    The first ``WARM_UP`` calls do not count where there are more of them; else all do.

    Args:
        model: of either host; predicts as ever.
    """
    times, calls = Times(), 0
    step, device = model.test_step, next(model.parameters()).device

    def timed(data: Any) -> Any:
        nonlocal calls
        synchronize(device)
        start = time.perf_counter()
        results = step(data)
        synchronize(device)
        spent = time.perf_counter() - start
        calls += 1
        if calls == WARM_UP + 1:
            times.images, times.seconds = 0, 0.0
        times.images += len(results)
        times.seconds += spent
        return results

    model.test_step = timed
    try:
        yield times
    finally:
        del model.test_step  # the method of the class again
