"""Kinds of errors: small maps by hand, and sums that are those of panoptic quality."""

from __future__ import annotations

import numpy as np
import pytest

from mmseg_maskformer.core.panoptic_quality import PanopticMap, count_segments
from mmseg_maskformer.core.segment_errors import KINDS, segment_errors


def row(ids, categories, crowd=()):
    """A map of one row of pixels, its ids written as digits; `categories` by id."""
    listed = np.array(list(categories), dtype=np.int64)
    return PanopticMap(
        np.array([[int(x) for x in ids]]),
        listed,
        np.array(list(categories.values()), dtype=np.int64),
        np.isin(listed, crowd),
    )


def kinds(predicted, true):
    found = segment_errors(predicted, true)
    return [[KINDS[k] if k >= 0 else "" for k in side] for side in found]


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        # 6 of 6 pixels, another category
        (("111111", {1: 4}), ("111111", {1: 5}), (["wrong class"], ["wrong class"])),
        # 3 + 2 of 6 pixels, each inside: IoU 3/6 is no match
        (
            ("111111", {1: 4}),
            ("111220", {1: 4, 2: 4}),
            (["split"], ["split", "split"]),
        ),
        # the same with one part of another category: IoU 3/6 and 2/6
        (
            ("111111", {1: 4}),
            ("111220", {1: 4, 2: 5}),
            (["inaccurate"], ["inaccurate", "invented"]),
        ),
        # two parts inside that together cover 2 of 8 pixels are no split: IoU 1/8
        (
            ("11111111", {1: 4}),
            ("12000000", {1: 4, 2: 4}),
            (["inaccurate"], ["inaccurate", "inaccurate"]),
        ),
        # 1 covers one true segment of its category, and pixels of another: IoU 2/5
        (
            ("1122222222", {1: 4, 2: 7}),
            ("1111122222", {1: 4, 2: 7}),
            (["inaccurate", ""], ["inaccurate", ""]),
        ),
        # 1 covers two true segments of 3 pixels: IoU 3/6 each
        (
            ("111222", {1: 4, 2: 4}),
            ("111111", {1: 4}),
            (["merged", "merged"], ["merged"]),
        ),
        # 1 covers 4 and 2 pixels: matched with the first, 4/6
        (("111122", {1: 4, 2: 4}), ("111111", {1: 4}), (["", "merged"], [""])),
        # 2 of 4 pixels, since the 2 on void are left out: 1/2 is no match
        (
            ("11110033", {1: 4, 3: 7}),
            ("00111133", {1: 4, 3: 7}),
            (["inaccurate", ""], ["inaccurate", ""]),
        ),
        # 2 of 4 + 3 - 2 pixels
        (
            ("11113333", {1: 4, 3: 7}),
            ("00111333", {1: 4, 3: 7}),
            (["inaccurate", ""], ["inaccurate", ""]),
        ),
        # 1 of 11 pixels is less than a tenth
        (
            ("1111112222222222", {1: 4, 2: 7}),
            ("0000011111133333", {1: 4, 3: 7}),
            (["missed", "inaccurate"], ["invented", "inaccurate"]),
        ),
        (("11", {1: 4}), ("00", {}), (["missed"], [])),
        # half of it lies on void, which no more excuses it than half
        (("0022", {2: 4}), ("1111", {1: 5}), (["wrong class"], ["wrong class"])),
    ],
)
def test_kinds(true, predicted, expected):
    assert tuple(kinds(row(*predicted), row(*true))) == expected


def test_a_crowd_explains_nothing():
    true = row("11112222", {1: 4, 2: 7}, crowd=(1,))
    predicted = row("11112222", {1: 5, 2: 7})
    assert kinds(predicted, true) == [["", ""], ["invented", ""]]


@pytest.mark.parametrize("seed", range(20))
def test_every_error_of_panoptic_quality_has_one_kind(seed):
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(2):
        number = int(rng.integers(1, 9))
        coarse = rng.integers(0, number + 1, (4, 5))
        ids = np.union1d(coarse, [0])[1:]
        categories = rng.integers(0, 2, len(ids))
        crowd = rng.random(len(ids)) < 0.1
        segment_map = np.kron(coarse, np.ones((3, 3), dtype=np.int64))
        maps.append(PanopticMap(segment_map, ids, categories, crowd))
    predicted, true = maps
    counts = count_segments(predicted, true)
    found = segment_errors(predicted, true)
    assert (found.true >= 0).sum() == counts.false_negatives.sum()
    assert (found.predicted >= 0).sum() == counts.false_positives.sum()
    assert "invented" not in {KINDS[k] for k in found.true if k >= 0}
    assert "missed" not in {KINDS[k] for k in found.predicted if k >= 0}
