"""AP where nothing is detected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmdet.datasets.api_wrappers import COCO


@contextmanager
def scored_without_detections() -> Iterator[None]:
    """Inside, MMDetection's metric gives AP where no image has a detection, too.

    It is 0, and -1 for a size that no object has. By itself the metric gives no value,
    as pycocotools cannot read an empty list of results.
    """
    given = COCO.loadRes

    def load(self: COCO, results: Any) -> Any:
        return COCO() if results == [] else given(self, results)

    COCO.loadRes = load
    try:
        yield
    finally:
        COCO.loadRes = given
