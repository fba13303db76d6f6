"""AP of images with more objects of a class than it looks at."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

if TYPE_CHECKING:
    from mmdet.evaluation import CocoMetric

LIMIT = 100  # detections of a class in an image that mAP of pycocotools looks at


def has_limit(metric: CocoMetric) -> bool:
    """Whether the AP of a metric is pycocotools', not MMDetection's ``use_mp_eval``."""
    return bool({"bbox", "segm"} & {*metric.metrics}) and not metric.use_mp_eval


def require_limit(metric: CocoMetric) -> None:
    """Refuse other numbers of detections than three with that of mAP.

    Raises:
        ValueError: mAP would be -1, as if there were no object, or an IndexError.
    """
    numbers = tuple(metric.proposal_nums)
    if has_limit(metric) and (LIMIT not in numbers or len(numbers) != 3):
        raise ValueError(
            f"{type(metric).__name__} has proposal_nums={numbers}. pycocotools takes "
            f"three numbers and computes mAP from the {LIMIT} best detections of a "
            f"class in an image; without {LIMIT} among them mAP is -1. Write "
            f"proposal_nums=({LIMIT}, 300, 1000); mAP_50 and mAP_75 look at the last."
        )


def warn_of_many(
    metric: CocoMetric, objects: Iterable[tuple[Any, Any]], images: int
) -> None:
    """Say in the log where mAP cannot be 1, whatever the model detects.

    Args:
        metric: that computes it.
        objects: image and class of each object that is no crowd.
        images: how many were evaluated.
    """
    counts = Counter(objects)
    crowded = {image for (image, _), number in counts.items() if number > LIMIT}
    if not crowded or not has_limit(metric):
        return
    print_log(
        f"{len(crowded)} of {images} images have more than {LIMIT} objects of one "
        f"class, up to {max(counts.values())}. mAP looks at the {LIMIT} best "
        "detections of a class in an image, so that the rest count as missed; mAP_50, "
        f"mAP_75 and mAP by size look at {max(metric.proposal_nums)}, all of boundary "
        f"AP at {LIMIT}. Cut the images into tiles, or compare mAP_50 and mAP_75, with "
        "num_queries and test_cfg.max_per_image above the number of objects.",
        logger="current",
        level=logging.WARNING,
    )
