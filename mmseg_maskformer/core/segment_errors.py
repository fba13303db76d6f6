"""Why segments are missed and wrong: every error of panoptic quality has one kind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .panoptic_quality import Matching, PanopticMap, match_segments

# In this order: a segment has the first kind that fits.
KINDS = ("wrong class", "split", "merged", "inaccurate", "missed", "invented")
_TOUCHES = 0.1  # least IoU of a prediction that is meant for a segment


class SegmentErrors(NamedTuple):
    """Kind of each segment, as a place in ``KINDS``; -1 where it is no error."""

    true: np.ndarray  # (G_true,) of false negatives
    predicted: np.ndarray  # (G_predicted,) of false positives


def segment_errors(predicted: PanopticMap, true: PanopticMap) -> SegmentErrors:
    """Sort the false negatives and false positives of one image by their kind.

    - wrong class: IoU above 1/2 with a segment of another category.
    - split: several predictions of the category, each of which lies with more than half
      of its pixels in the true segment, and which together cover more than half of it.
    - merged: a prediction of the category covers more than half of each of several
      true segments.
    - inaccurate: IoU of 0.1 to 1/2 with a segment of the category.
    - missed, invented: none of these.

    Predicted pixels on void truth count nowhere, and crowds explain nothing.

    Raises:
        ValueError: As of ``match_segments``.
    """
    found = match_segments(predicted, true)
    pairs = _pairs(found, true.categories[:, None] == predicted.categories)
    if true.crowd is not None:
        pairs &= ~true.crowd.astype(bool)[:, None]
    return SegmentErrors(
        true=_first_kind(pairs.any(axis=2), found.missed, "missed"),
        predicted=_first_kind(pairs.any(axis=1), found.wrong, "invented"),
    )


def _pairs(found: Matching, same: np.ndarray) -> np.ndarray:
    """(4, G_true, G_predicted): which pairs each of the first four kinds joins."""
    iou = found.common / np.maximum(found.union, 1)
    on_truth = found.common.sum(axis=0)
    area = found.union - on_truth + found.common  # (G_true, G_predicted), rows alike
    inside = same & (2 * found.common > on_truth)
    covered = (found.common * inside).sum(axis=1, keepdims=True)
    split = inside & (inside.sum(axis=1, keepdims=True) > 1) & (2 * covered > area)
    covering = same & (2 * found.common > area)
    merged = covering & (covering.sum(axis=0) > 1)
    return np.stack([~same & (iou > 0.5), split, merged, same & (iou >= _TOUCHES)])


def _first_kind(joined: Any, is_error: np.ndarray, otherwise: str) -> np.ndarray:
    """The first of the kinds (4, G) of each error, ``otherwise`` without any."""
    kind = np.where(joined.any(axis=0), joined.argmax(axis=0), KINDS.index(otherwise))
    return np.where(is_error, kind, -1)
