"""AP of images with more objects of a class than it looks at."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mmengine.logging import print_log

LIMIT = 100  # detections of a class in an image that mAP of pycocotools looks at


def require_limit(metric: str, proposal_nums: Sequence[int]) -> None:
    """Refuse other numbers of detections than three with that of mAP.

    Raises:
        ValueError: mAP would be -1, as if there were no object, or an IndexError.
    """
    if LIMIT not in proposal_nums or len(proposal_nums) != 3:
        raise ValueError(
            f"{metric} has proposal_nums={tuple(proposal_nums)}. pycocotools takes "
            f"three numbers and computes mAP from the {LIMIT} best detections of a "
            f"class in an image; without {LIMIT} among them mAP is -1. Write "
            f"proposal_nums=({LIMIT}, 300, 1000); mAP_50 and mAP_75 look at the last."
        )


def warn_of_many(
    objects: Iterable[tuple[Any, Any]], images: int, proposal_nums: Sequence[int]
) -> None:
    """Say in the log where mAP cannot be 1, whatever the model detects.

    Args:
        objects: image and class of each object that is no crowd.
        images: how many were evaluated.
        proposal_nums: of the metric.
    """
    counts = Counter(objects)
    crowded = {image for (image, _), number in counts.items() if number > LIMIT}
    if not crowded:
        return
    print_log(
        f"{len(crowded)} of {images} images have more than {LIMIT} objects of one "
        f"class, up to {max(counts.values())}. mAP looks at the {LIMIT} best "
        "detections of a class in an image, so that the rest count as missed; mAP_50, "
        f"mAP_75 and mAP by size look at {max(proposal_nums)}, all of boundary AP at "
        f"{LIMIT}. Cut the images into tiles, or compare mAP_50 and mAP_75, with "
        "num_queries and test_cfg.max_per_image above the number of objects.",
        logger="current",
        level=logging.WARNING,
    )
