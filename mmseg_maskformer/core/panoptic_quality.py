"""Panoptic quality (arXiv 1801.00868, section 4), as the official evaluator counts.

A map is compared with the truth once; what is left is a few counts per category, which
add up over images and processes. The qualities are made of the sums.

Letters: G segments of a map, n categories; 0 is the id of void pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .conventions import VOID
from .messages import shown


@dataclass(frozen=True)
class PanopticMap:
    """An image divided into G segments and void.

    Attributes:
        segment_map: (H, W) integer id of the segment of each pixel, 0 where void.
        ids: (G,) positive integers, each once.
        categories: (G,) integer category of each segment.
        crowd: (G,) boolean, True where a true segment holds several objects that
            nobody told apart; None where there is none. Not asked of predictions.
        name: how messages call the map.
    """

    segment_map: np.ndarray
    ids: np.ndarray
    categories: np.ndarray
    crowd: np.ndarray | None = None
    name: str = "an unnamed map"

    @classmethod
    def from_labels(
        cls,
        labels: np.ndarray,
        num_classes: int,
        ignore_index: int = VOID,
        name: str = "an unnamed map",
    ) -> PanopticMap:
        """One segment per class that occurs in a semantic map.

        Args:
            labels: (H, W) integer class of each pixel, 0..num_classes-1.
            num_classes: number of categories.
            ignore_index: label of void pixels.
            name: how messages call the map.

        Raises:
            ValueError: A label is neither a class nor void.
        """
        void = labels == ignore_index
        wrong = ~void & ((labels < 0) | (labels >= num_classes))
        if wrong.any():
            raise ValueError(
                f"The labels of {name} hold the value(s) {_shown(labels[wrong])}, but "
                f"there are {num_classes} classes, 0..{num_classes - 1}, and "
                f"ignore_index={ignore_index} is void. Set ignore_index to the void "
                "label of the data set, reduce_zero_label=True where its labels start "
                "at 1, and num_classes of the head to its number of classes."
            )
        ids = labels.astype(np.int64) + 1  # class 0 is segment 1
        ids[void] = 0
        present = np.bincount(ids.ravel(), minlength=num_classes + 1)[1:]
        categories = present.nonzero()[0]
        return cls(ids, categories + 1, categories, name=name)

    def places(self, values: np.ndarray) -> np.ndarray:
        """Where each value of the map is listed, from 1; 0 for void.

        Raises:
            ValueError: An id is listed twice or not positive, or a value not at all.
        """
        listed = np.concatenate([np.zeros(1, dtype=np.int64), self.ids])
        order = listed.argsort()
        ascending = listed[order]
        if (ascending[1:] <= ascending[:-1]).any() or ascending[0] < 0:
            raise ValueError(
                f"The segments of {self.name} have the ids {_shown(self.ids)}: give "
                "every segment a positive id of its own."
            )
        found = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
        unlisted = ascending[found] != values
        if unlisted.any():
            raise ValueError(
                f"Pixels of {self.name} have the id(s) {_shown(values[unlisted])} of no"
                " listed segment. List it with its category, or write 0 (void) into "
                "its pixels."
            )
        return order[found]


class Counts(NamedTuple):
    """What matching leaves per category; categories not listed have zeros."""

    categories: np.ndarray  # (n,) integers
    iou: np.ndarray  # (n,) float64, sum over the matched pairs
    true_positives: np.ndarray  # (n,) int64, matched pairs
    false_positives: np.ndarray  # (n,) int64, predicted segments
    false_negatives: np.ndarray  # (n,) int64, true segments


class Quality(NamedTuple):
    """Qualities 0..1 of each listed category, NaN where no segment counts."""

    categories: np.ndarray  # (n,) integers
    pq: np.ndarray  # (n,) float64, sq * rq
    sq: np.ndarray  # (n,) float64, mean IoU of the matched pairs, 0 without any
    rq: np.ndarray  # (n,) float64, F1 score of finding the segments


class MeanQuality(NamedTuple):
    """Means over the categories with segments that count; NaN where none has any."""

    pq: float
    sq: float
    rq: float
    num_categories: int


class Matching(NamedTuple):
    """How the segments of two maps meet."""

    common: np.ndarray  # (G_true, G_predicted) int64, pixels of both
    union: np.ndarray  # the same, without predicted pixels on void
    iou: np.ndarray  # the same, float64, 0 where not matched
    matched: np.ndarray  # the same, boolean: at most one pair in a row and a column
    missed: np.ndarray  # (G_true,) boolean, false negatives
    wrong: np.ndarray  # (G_predicted,) boolean, false positives


def match_segments(predicted: PanopticMap, true: PanopticMap) -> Matching:
    """Match the segments of one image.

    Two segments match when their categories are equal and their IoU is above 1/2;
    predicted pixels on void truth are left out of the union. Crowds match nothing and
    are not missed, and a predicted segment is not wrong when more than half of it lies
    on void and on the crowd of its category. Where a category has several crowds, the
    last listed one is that crowd, as in the official evaluator.

    Raises:
        ValueError: The maps differ in size, or a map and its list of segments
            contradict each other.
    """
    pixels = _overlaps(true, predicted)  # (1 + G_true, 1 + G_predicted)
    true_area = pixels[1:].sum(axis=1)
    predicted_area = pixels[:, 1:].sum(axis=0)
    _check_none_is_empty(predicted, predicted_area)
    void, common = pixels[0, 1:], pixels[1:, 1:]
    union = true_area[:, None] + (predicted_area - void) - common
    crowd = _crowds(true)
    same = true.categories[:, None] == predicted.categories
    matched = same & ~crowd[:, None] & (2 * common > union)
    last = _last_of_each_category(true.categories, crowd)
    excused = void + (common[last] * same[last]).sum(axis=0)
    return Matching(
        common,
        union,
        iou=np.divide(common, union, out=np.zeros(common.shape), where=matched),
        matched=matched,
        missed=~matched.any(axis=1) & ~crowd,
        wrong=~matched.any(axis=0) & (2 * excused <= predicted_area),
    )


def count_segments(predicted: PanopticMap, true: PanopticMap) -> Counts:
    """Match the segments of one image (:func:`match_segments`), count per category.

    Returns:
        Counts of the categories that either map lists, ascending.

    Raises:
        ValueError: As of :func:`match_segments`.
    """
    found = match_segments(predicted, true)
    seen = _rows(
        true.categories,
        iou=found.iou.sum(axis=1),  # of one pair at most
        true_positives=found.matched.sum(axis=1),
        false_negatives=found.missed.astype(np.int64),
    )
    guessed = _rows(predicted.categories, false_positives=found.wrong.astype(np.int64))
    return add_counts([seen, guessed])


def add_counts(counts: Iterable[Counts]) -> Counts:
    """Sum of the counts of several images; of none, counts without a category."""
    columns = zip(_rows(np.zeros(0, dtype=np.int64)), *counts, strict=True)
    return _merged(Counts(*(np.concatenate(column) for column in columns)))


def quality(counts: Counts) -> Quality:
    """Qualities of every category: SQ = IoU / TP, RQ = TP / (TP + FP/2 + FN/2)."""
    matched = counts.true_positives
    mistakes = counts.false_positives + counts.false_negatives
    occurs = matched + mistakes > 0
    zeros = np.zeros(len(matched))
    absent = np.where(occurs, 0.0, np.nan)
    weight = matched + mistakes / 2
    return Quality(
        counts.categories,
        pq=np.divide(counts.iou, weight, out=absent.copy(), where=occurs),
        sq=np.divide(counts.iou, matched, out=zeros, where=matched > 0) + absent,
        rq=np.divide(matched, weight, out=absent.copy(), where=occurs),
    )


def mean_quality(counts: Counts, among: Collection[int] | None = None) -> MeanQuality:
    """Means over the categories with a pair, a wrong or a missed segment.

    Args:
        counts: sums over the data set.
        among: categories to average over, say the things; by default all.
    """
    classes = quality(counts)
    chosen = ~np.isnan(classes.pq)
    if among is not None:
        chosen &= np.isin(classes.categories, list(among))
    if not chosen.any():
        return MeanQuality(np.nan, np.nan, np.nan, 0)
    pq, sq, rq = (float(values[chosen].mean()) for values in classes[1:])
    return MeanQuality(pq, sq, rq, num_categories=int(chosen.sum()))


def _overlaps(true: PanopticMap, predicted: PanopticMap) -> np.ndarray:
    """Pixels of each pair: (1 + G_true, 1 + G_predicted), index 0 is void.

    Neighbours in a row mostly agree: runs of equal pairs are looked up, not pixels.
    """
    if true.segment_map.shape != predicted.segment_map.shape:
        raise ValueError(
            f"The height and width of {predicted.name}, {predicted.segment_map.shape}, "
            f"are not those of {true.name}, {true.segment_map.shape}. Load annotations "
            "after the resizing in pipelines of evaluation, or resize the prediction."
        )
    ours, theirs = true.segment_map.ravel(), predicted.segment_map.ravel()
    changes = (ours[1:] != ours[:-1]) | (theirs[1:] != theirs[:-1])
    starts = np.concatenate([[0], changes.nonzero()[0] + 1])
    shape = (1 + len(true.ids), 1 + len(predicted.ids))
    rows, columns = true.places(ours[starts]), predicted.places(theirs[starts])
    lengths = np.diff(starts, append=ours.size)
    # weights are summed in float64: exact below 2^53 pixels
    pixels = np.bincount(rows * shape[1] + columns, lengths, shape[0] * shape[1])
    return pixels.astype(np.int64).reshape(shape)


def _check_none_is_empty(predicted: PanopticMap, area: np.ndarray) -> None:
    if not area.all():
        raise ValueError(
            f"No pixel of {predicted.name} belongs to its listed segment(s) "
            f"{_shown(predicted.ids[area == 0])}. List only segments that have pixels."
        )


def _crowds(true: PanopticMap) -> np.ndarray:
    """(G,) which segments are crowds."""
    if true.crowd is None:
        return np.zeros(len(true.ids), dtype=bool)
    return true.crowd.astype(bool)


def _last_of_each_category(categories: np.ndarray, crowd: np.ndarray) -> list[int]:
    """Indices of the crowds that no crowd of the same category follows."""
    return list({int(categories[i]): int(i) for i in crowd.nonzero()[0]}.values())


def _rows(categories: np.ndarray, **columns: np.ndarray) -> Counts:
    """Counts with the given columns, zeros in the others."""
    zeros = np.zeros(len(categories), dtype=np.int64)
    rows = Counts(categories, zeros.astype(np.float64), zeros, zeros, zeros)
    return rows._replace(**columns)


def _merged(rows: Counts) -> Counts:
    """Sum of the rows of each category, ascending."""
    categories, group = np.unique(rows.categories, return_inverse=True)
    sums = (
        np.bincount(group, weights=column, minlength=len(categories)).astype(
            column.dtype
        )  # counts stay exact below 2^53
        for column in rows[1:]
    )
    return Counts(categories, *sums)


def _shown(values: np.ndarray) -> str:
    """The first distinct values, for a message."""
    return shown(np.unique(values).tolist())
