"""Boundary AP (arXiv 2103.16562), by the library faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DILATION_RATIO = 0.02  # width of a boundary, in diagonals of the image
_NAMES = ("mAP", "mAP_50", "mAP_75", "mAP_s", "mAP_m", "mAP_l")


def require_library() -> Any:
    """The library, which is an extra.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import faster_coco_eval
    except ImportError as error:
        raise ImportError(
            "CocoMetric with boundary=True needs faster-coco-eval: pip install "
            "faster-coco-eval."
        ) from error
    return faster_coco_eval


def boundary_ap(
    truth: dict, detections: list[dict], images: Sequence[int]
) -> dict[str, float]:
    """AP whose IoU is the lesser of that of the masks and that of their boundaries.

    Args:
        truth: content of a file of instances in COCO's format.
        detections: COCO's results with masks.
        images: ids of the images that are evaluated.

    Returns:
        ``boundary_mAP`` and so on as the host names AP of masks, in 0..1; -1 for a
        size that no object has.
    """
    library = require_library()
    rows = [dict(row) for row in truth["annotations"]]  # the library adds to them
    index = library.COCO(dict(truth, annotations=rows))
    found = library.COCOeval_faster(
        index,
        index.loadRes(
            [{k: x for k, x in y.items() if k != "bbox"} for y in detections]
        ),
        "boundary",
        boundary_dilation_ratio=DILATION_RATIO,
    )
    found.params.imgIds = list(images)
    found.run()
    return {
        f"boundary_{name}": round(float(x), 3)
        for name, x in zip(_NAMES, found.stats[: len(_NAMES)], strict=True)
    }
