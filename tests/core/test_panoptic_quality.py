"""Counts and qualities against hand-computed cases and the definition."""

from __future__ import annotations

import numpy as np
import pytest

from mmseg_maskformer.core.panoptic_quality import (
    PanopticMap,
    add_counts,
    count_segments,
    mean_quality,
    quality,
)


def row(*ids, categories, crowd=()):
    """A map of one row of pixels; `categories` by id, `crowd` the ids of crowds."""
    listed = np.array(list(categories), dtype=np.int64)
    return PanopticMap(
        np.array([ids]),
        listed,
        np.array(list(categories.values()), dtype=np.int64),
        np.isin(listed, crowd),
    )


def by_category(counts):
    """Category to (IoU, TP, FP, FN)."""
    return {int(line[0]): line[1:] for line in zip(*counts, strict=True)}


def counted(predicted, true):
    return by_category(count_segments(predicted, true))


def test_perfect_prediction_with_other_ids():
    true = row(0, 3, 3, 9, 9, 9, categories={3: 7, 9: 7})
    predicted = row(0, 5, 5, 2, 2, 2, categories={2: 7, 5: 7})
    assert counted(predicted, true) == {7: (2.0, 2, 0, 0)}  # 2/2 + 3/3


def test_disjoint_segments_are_wrong_and_missed():
    true = row(1, 1, 2, 2, categories={1: 4, 2: 5})
    predicted = row(2, 2, 1, 1, categories={1: 4, 2: 5})
    assert counted(predicted, true) == {4: (0.0, 0, 1, 1), 5: (0.0, 0, 1, 1)}


def test_overlap_of_another_category_is_no_match():
    true, predicted = row(1, 1, categories={1: 4}), row(1, 1, categories={1: 5})
    assert counted(predicted, true) == {4: (0.0, 0, 0, 1), 5: (0.0, 0, 1, 0)}


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ((1, 1, 0, 0), (0.0, 0, 1, 1)),  # 2 of 4 pixels: 1/2 is no match
        ((1, 1, 1, 0), (3 / 4, 1, 0, 0)),
    ],
)
def test_match_is_above_one_half(pixels, expected):
    true = row(1, 1, 1, 1, categories={1: 4})
    assert counted(row(*pixels, categories={1: 4}), true) == {4: expected}


def test_predicted_pixels_on_void_are_not_in_the_union():
    true = row(1, 1, 1, 2, 0, 0, 0, categories={1: 4, 2: 5})
    predicted = row(1, 1, 1, 1, 1, 1, 1, categories={1: 4})
    # 3 common of 3 + 7 - 3 void - 3 common = 4; with the void it were 3/7, no match
    assert counted(predicted, true) == {4: (3 / 4, 1, 0, 0), 5: (0.0, 0, 0, 1)}


def test_true_pixels_that_are_predicted_void_are_in_the_union():
    true = row(1, 1, 1, 1, 1, categories={1: 4})
    predicted = row(1, 1, 1, 0, 0, categories={1: 4})
    assert counted(predicted, true) == {4: (3 / 5, 1, 0, 0)}


@pytest.mark.parametrize(
    ("true_ids", "wrong"),
    [
        ((0, 0, 0, 2, 2), 0),  # 3/5 on void
        ((0, 0, 2, 2, 2), 1),  # 2/5
        ((0, 0, 2, 2), 1),  # 2/4: a half is not most
    ],
)
def test_segment_mostly_on_void_is_not_wrong(true_ids, wrong):
    predicted = row(*[1] * len(true_ids), categories={1: 4})
    true = row(*true_ids, categories={2: 5})
    expected = {4: (0.0, 0, wrong, 0), 5: (0.0, 0, 0, 1)}
    assert counted(predicted, true) == expected


def test_crowd_is_neither_matched_nor_missed():
    true = row(1, 1, 1, 2, categories={1: 4, 2: 5}, crowd=[1])
    predicted = row(1, 1, 1, 2, categories={1: 4, 2: 5})
    assert counted(predicted, true) == {4: (0.0, 0, 0, 0), 5: (1.0, 1, 0, 0)}


@pytest.mark.parametrize(
    ("crowd_category", "wrong"), [(4, 0), (6, 1)], ids=["same", "other"]
)
def test_crowd_excuses_segments_of_its_category(crowd_category, wrong):
    categories = {1: crowd_category, 2: 5}
    true = row(0, 1, 1, 2, 2, categories=categories, crowd=[1])
    predicted = row(1, 1, 1, 1, 1, categories={1: 4})
    found = counted(predicted, true)
    # void 1/5 and crowd 2/5 make 3/5 of the segment; void alone is too little
    assert found[4] == (0.0, 0, wrong, 0)


@pytest.mark.parametrize(("order", "wrong"), [((1, 2), 1), ((2, 1), 0)])
def test_of_several_crowds_the_last_listed_excuses(order, wrong):
    true = row(1, 1, 1, 2, 0, categories=dict.fromkeys(order, 4), crowd=[1, 2])
    predicted = row(3, 3, 3, 3, 3, categories={3: 4})
    # void 1/5 with crowd 1 (3/5) is most of it, with crowd 2 (1/5) it is not
    assert counted(predicted, true) == {4: (0.0, 0, wrong, 0)}


def test_true_segment_without_pixels_is_missed():
    true = row(1, 1, categories={1: 4, 2: 4})
    predicted = row(1, 1, categories={1: 4})
    assert counted(predicted, true) == {4: (1.0, 1, 0, 1)}


def test_nothing_listed_counts_nothing():
    empty = row(0, 0, categories={})
    assert counted(empty, empty) == {}
    assert counted(row(1, 1, categories={1: 4}), empty) == {4: (0.0, 0, 0, 0)}
    assert counted(empty, row(1, 1, categories={1: 4})) == {4: (0.0, 0, 0, 1)}


def by_definition(predicted, true):
    """The counts from one mask per segment, pair by pair."""
    counts = {int(c): [0.0, 0, 0, 0] for c in (*predicted.categories, *true.categories)}
    void = true.segment_map == 0
    crowds = dict(zip(true.categories[true.crowd], true.ids[true.crowd], strict=True))
    matched = set()
    for true_id, category, crowd in zip(
        true.ids, true.categories, true.crowd, strict=True
    ):
        here = true.segment_map == true_id
        partners = 0
        for predicted_id in predicted.ids[predicted.categories == category]:
            there = predicted.segment_map == predicted_id
            iou = (here & there).sum() / (here | (there & ~void)).sum()
            if iou > 0.5 and not crowd:
                counts[category][0] += iou
                partners += 1
                matched.add(int(predicted_id))
        counts[category][1] += partners
        counts[category][3] += not partners and not crowd
    for predicted_id, category in zip(predicted.ids, predicted.categories, strict=True):
        there = predicted.segment_map == predicted_id
        excuse = void | (true.segment_map == crowds.get(category, 0))
        if predicted_id not in matched and (there & excuse).sum() / there.sum() <= 0.5:
            counts[category][2] += 1
    return counts


def random_map(segments, generator, crowd_share):
    """The map of an array of ids, with random categories and crowds."""
    ids = generator.permutation(np.unique(segments[segments > 0]))
    categories = generator.integers(0, 3, len(ids))
    crowd = generator.random(len(ids)) < crowd_share
    return PanopticMap(segments, ids, categories, crowd)


@pytest.mark.parametrize("seed", range(10))
def test_random_maps_by_definition(seed):
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 8, (5, 6)) * (generator.random((5, 6)) < 0.8)
    segments = np.kron(blocks * 2_000_003, np.ones((4, 4), dtype=np.int64))
    true = random_map(segments, generator, crowd_share=0.3)
    noise = generator.random(segments.shape) < 0.15
    moved = np.where(noise, np.roll(segments, 4, axis=1), segments)
    predicted = random_map(moved, generator, crowd_share=0)
    kept = dict(zip(true.ids, true.categories, strict=True))
    own = generator.random(len(predicted.ids)) < 0.7  # the others stay random
    for i in own.nonzero()[0]:
        predicted.categories[i] = kept[predicted.ids[i]]
    found, wanted = counted(predicted, true), by_definition(predicted, true)
    assert sum(counts[1] for counts in wanted.values()) > 0
    assert set(found) == set(wanted)
    for category, counts in wanted.items():
        assert found[category] == pytest.approx(counts, rel=1e-12)


def two_images():
    """Category 4: IoU 3/4 and a miss, then a pair of IoU 1; category 5: one wrong."""
    first = count_segments(
        row(1, 1, 1, 0, 0, 2, 2, categories={1: 4, 2: 5}),
        row(1, 1, 1, 1, 2, 3, 3, categories={1: 4, 2: 4, 3: 6}),
    )
    pair = row(1, 1, categories={1: 4})
    return first, count_segments(pair, pair)


def test_counts_add_over_images():
    first, second = two_images()
    expected = {4: (1.75, 2, 0, 1), 5: (0.0, 0, 1, 0), 6: (0.0, 0, 0, 1)}
    assert by_category(add_counts([first, second])) == expected
    assert by_category(add_counts([add_counts([second]), first])) == expected
    assert by_category(add_counts([])) == {}


def test_qualities_of_categories():
    found = by_category(quality(add_counts(two_images())))
    # 1.75 / (2 + 1/2), 1.75 / 2, 2 / (2 + 1/2)
    assert found[4] == pytest.approx((0.7, 0.875, 0.8), rel=1e-12)
    assert found[5] == found[6] == (0.0, 0.0, 0.0)


def test_means_over_categories():
    counts = add_counts(two_images())
    # 0.7, 0.875 and 0.8 of category 4, zeros of 5 and 6
    expected = (0.7 / 3, 0.875 / 3, 0.8 / 3, 3)
    assert mean_quality(counts) == pytest.approx(expected, rel=1e-12)
    among = mean_quality(counts, among={4, 5, 9})
    assert among == pytest.approx((0.35, 0.4375, 0.4, 2), rel=1e-12)


def test_category_that_does_not_occur_is_left_out_of_the_means():
    true = row(1, 1, 1, 2, categories={1: 4, 2: 5}, crowd=[1])
    counts = count_segments(row(1, 1, 1, 2, categories={1: 4, 2: 5}), true)
    assert np.isnan(by_category(quality(counts))[4]).all()  # 0 TP, 0 FP, 0 FN
    assert mean_quality(counts) == (1.0, 1.0, 1.0, 1)
    *means, number = mean_quality(counts, among=[4])
    assert np.isnan(means).all()
    assert number == 0


def test_semantic_map_has_a_segment_per_class():
    labels = np.array([[2, 2, 0], [255, 2, 0]], dtype=np.uint8)
    segments = PanopticMap.from_labels(labels, num_classes=4)
    assert segments.segment_map.tolist() == [[3, 3, 1], [0, 3, 1]]
    assert segments.ids.tolist() == [1, 3]
    assert segments.categories.tolist() == [0, 2]


def test_ignore_index_is_void_wherever_it_lies():
    labels = np.array([[0, 1, 2]])
    segments = PanopticMap.from_labels(labels, num_classes=3, ignore_index=1)
    assert segments.segment_map.tolist() == [[1, 0, 3]]
    wide = np.array([[300, 65535, 255]])
    segments = PanopticMap.from_labels(wide, num_classes=847, ignore_index=65535)
    assert segments.categories.tolist() == [255, 300]  # 255 is a class of 847


@pytest.mark.parametrize("label", [3, -1, 255])
def test_labels_that_are_no_class_are_refused(label):
    with pytest.raises(
        ValueError, match=rf"labels of m\.png hold the value.s. {label}"
    ):
        PanopticMap.from_labels(np.array([[0, label]]), 3, ignore_index=9, name="m.png")


def test_maps_that_contradict_their_lists_are_refused():
    good = row(1, 1, categories={1: 4})
    with pytest.raises(ValueError, match="have the id.s. 7 of no listed segment"):
        count_segments(row(1, 7, categories={1: 4}), good)
    with pytest.raises(ValueError, match="have the id.s. 7 of no listed segment"):
        count_segments(good, row(1, 7, categories={1: 4}))
    with pytest.raises(ValueError, match=r"listed segment.s. 2\."):
        count_segments(row(1, 1, categories={1: 4, 2: 4}), good)
    for ids in ([1, 1], [-1, 1], [0, 1]):
        listed = PanopticMap(np.array([[1, 1]]), np.array(ids), np.array([4, 4]))
        with pytest.raises(ValueError, match="a positive id of its own"):
            count_segments(good, listed)


def test_maps_of_different_sizes_are_refused():
    one, two = row(1, categories={1: 4}), row(1, 1, categories={1: 4})
    with pytest.raises(ValueError, match=r"\(1, 2\), are not those of .*\(1, 1\)"):
        count_segments(two, one)
