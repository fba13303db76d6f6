"""The panoptic rules, against slow references and in closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.panoptic import detr_segments, panoptic_segments
from mmseg_maskformer.core.tiling import Placement
from tests import reference
from tests.helpers.queries import BIG, TILES, outputs


def certain(labels, num_classes, logit=BIG):
    """Class logits that are sure of the labels."""
    return logit * torch.nn.functional.one_hot(
        torch.tensor(labels), num_classes + 1
    ).to(torch.float32)


def stripes(*rows, width=4):
    """Masks (Q, H, W) of queries that hold the given rows out of 10, as logits."""
    masks = torch.full((len(rows), 10, width), -BIG)
    for mask, held in zip(masks, rows, strict=True):
        mask[held] = BIG
    return masks


def assert_equal(found, wanted_map, wanted_labels):
    assert torch.equal(found.segment_map, wanted_map)
    assert found.labels.tolist() == wanted_labels


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_rule_query_by_query(seed, tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = outputs((60, 83), seed=seed)
    expected = reference.panoptic_map(class_logits, mask_logits.sigmoid(), 4)
    assert 2 <= len(expected[1]) < 20  # some are kept, some not
    placement = Placement.whole((60, 83))
    found = panoptic_segments(class_logits, mask_logits, placement, 4)
    assert_equal(found, *expected)


@pytest.mark.parametrize("tile", TILES)
def test_crops_and_resizes_logits_before_the_sigmoid(tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = outputs((16, 21), seed=3)
    logits = reference.resize_bilinear(mask_logits[None].double(), (64, 84))
    logits = reference.postprocess(logits, (60, 81), (90, 100))[0]
    expected, labels = reference.panoptic_map(class_logits, logits.sigmoid(), 4)
    placement = Placement((64, 84), (0, 60, 0, 81), (90, 100))
    found = panoptic_segments(class_logits, mask_logits, placement, 4)
    assert found.labels.tolist() == labels
    assert (found.segment_map == expected).double().mean() > 0.9995  # ties of rounding


@pytest.mark.parametrize("case", ["pan0", "pan3"])
@pytest.mark.parametrize("tile", TILES)
def test_equals_the_original(golden, case, tile, set_tile):
    set_tile(tile)
    data = np.load(golden / "criterion_and_panoptic.npz")
    class_logits = torch.from_numpy(data[f"{case}_cls"])
    mask_logits = torch.from_numpy(data[f"{case}_mask"])
    placement = Placement.whole(tuple(mask_logits.shape[-2:]))
    found = panoptic_segments(class_logits, mask_logits, placement, 80)
    listed = json.loads(str(data[f"{case}_info"]))
    assert [x["id"] for x in listed] == list(range(1, len(listed) + 1))
    expected = torch.from_numpy(data[f"{case}_map"])
    assert_equal(found, expected, [x["category_id"] for x in listed])


def test_nothing_is_kept():
    placement = Placement.whole((5, 6))
    logits = torch.full((3, 5, 6), BIG)
    sure_of_nothing = certain([4, 4, 4], num_classes=4)
    unsure = torch.zeros(3, 5)  # probability 1/5 each
    for class_logits in (sure_of_nothing, unsure):
        found = panoptic_segments(class_logits, logits, placement, 2)
        assert_equal(found, torch.zeros(5, 6, dtype=torch.int32), [])


def test_one_query_everywhere():
    placement = Placement.whole((10, 4))
    found = panoptic_segments(certain([3], 4), stripes(slice(None)), placement, 2)
    assert_equal(found, torch.ones(10, 4, dtype=torch.int32), [3])


def test_of_equal_queries_the_first_wins_and_the_other_is_occluded():
    placement = Placement.whole((10, 4))
    masks = stripes(slice(0, 5), slice(0, 5))
    found = panoptic_segments(certain([0, 1], 4), masks, placement, 2)
    expected = torch.ones(10, 4, dtype=torch.int32)
    # at -20 both probabilities are equal too, so the first wins everywhere
    assert_equal(found, expected, [0])


def test_all_are_occluded():
    # Each of ten things claims everything and wins one row of ten: 1/10 < 0.8.
    masks = torch.full((10, 10, 4), 2.0)
    masks[torch.arange(10), torch.arange(10)] = BIG
    found = panoptic_segments(
        certain([0] * 10, 4), masks, Placement.whole((10, 4)), num_things=2
    )
    assert_equal(found, torch.zeros(10, 4, dtype=torch.int32), [])


@pytest.mark.parametrize(("threshold", "accepted"), [(0.8, True), (0.81, False)])
def test_a_share_equal_to_the_threshold_is_enough(threshold, accepted):
    # Query 0 claims rows 0-9 and loses rows 8 and 9 to query 1: 8 of 10 rows are won.
    masks = stripes(slice(None), slice(8, 10))
    masks[0, :8], masks[0, 8:] = BIG, 1.0
    found = panoptic_segments(
        certain([0, 1], 4),
        masks,
        Placement.whole((10, 4)),
        num_things=2,
        overlap_threshold=threshold,
    )
    rows = [1] * 8 + [2] * 2 if accepted else [0] * 8 + [1] * 2
    expected = torch.tensor(rows, dtype=torch.int32)[:, None].expand(10, 4)
    assert_equal(found, expected, [0, 1] if accepted else [1])


def test_a_mask_claims_where_it_is_as_likely_as_not():
    # Query 0 claims ten rows, five of them by a logit of 0, and wins these five alone:
    # 5 of 10 < 0.8. If a logit of 0 were no claim, it would win 5 of 5.
    masks = stripes(slice(0, 5), slice(5, 10))
    masks[0, 5:] = 0.0
    found = panoptic_segments(certain([0, 1], 4), masks, Placement.whole((10, 4)), 2)
    expected = torch.tensor([0] * 5 + [1] * 5, dtype=torch.int32)[:, None].expand(10, 4)
    assert_equal(found, expected, [1])


@pytest.mark.parametrize("rule", [panoptic_segments, detr_segments])
def test_a_value_that_is_no_number_is_no_index_error(rule):
    masks = stripes(slice(0, 5), slice(5, 10))
    masks[0, 2, 1] = float("nan")
    found = rule(certain([0, 1], 4), masks, Placement.whole((10, 4)), 2)
    expected = torch.tensor([1] * 5 + [2] * 5, dtype=torch.int32)[:, None].repeat(1, 4)
    # The last query gets the pixel, and the one above, which takes 0 times that value.
    expected[1:3, 1] = 2
    assert_equal(found, expected, [0, 1])


def test_stuff_merges_and_things_do_not():
    masks = stripes(slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8), slice(8, 10))
    found = panoptic_segments(
        certain([3, 0, 3, 0, 2], 4), masks, Placement.whole((10, 4)), num_things=2
    )
    # stuff 3, thing 0, stuff 3 again, another thing 0, stuff 2
    rows = torch.tensor([1, 1, 2, 2, 1, 1, 3, 3, 4, 4], dtype=torch.int32)
    assert_equal(found, rows[:, None].expand(10, 4), [3, 0, 0, 2])


def test_won_pixels_below_one_half_are_written():
    # sigmoid(-1) = 0.27 in rows 5-9, where nobody else is
    masks = stripes(slice(0, 5))
    masks[0, 5:] = -1.0
    found = panoptic_segments(certain([0], 4), masks, Placement.whole((10, 4)), 2)
    # 10 rows won / 5 rows claimed = 2 >= 0.8
    assert_equal(found, torch.ones(10, 4, dtype=torch.int32), [0])


def test_detr_ignores_class_probabilities_between_confident_queries():
    # Probabilities e^3 / (e^3 + 2) = 0.909 and e^9 / (e^9 + 2) = 0.9998; the lower mask
    # probability of the surer query loses everywhere although its product is higher.
    class_logits = torch.tensor([[3.0, 0, 0], [0, 9.0, 0]])
    masks = torch.tensor([2.5, 2.4])[:, None, None].expand(2, 10, 4)
    placement = Placement.whole((10, 4))
    expected = torch.ones(10, 4, dtype=torch.int32)
    # 0.909 * sigmoid(2.5) = 0.840 < 0.9998 * sigmoid(2.4) = 0.917
    assert_equal(detr_segments(class_logits, masks, placement, 2), expected, [0])
    unsure = torch.tensor([[2.0, 0, 0], [0, 9.0, 0]])  # e^2 / (e^2 + 2) = 0.787
    assert_equal(detr_segments(unsure, masks, placement, 2), expected, [1])


def test_detr_takes_small_segments_out_and_lets_the_rest_compete_again():
    # Query 1 holds one row of 4 pixels, which then goes to the runner-up, query 2.
    masks = stripes(slice(0, 5), slice(5, 6), slice(6, 10))
    masks[2, 5] = -1.0
    found = detr_segments(certain([0, 0, 1], 4), masks, Placement.whole((10, 4)), 2)
    rows = torch.tensor([1] * 5 + [2] * 5, dtype=torch.int32)
    assert_equal(found, rows[:, None].expand(10, 4), [0, 1])
    larger = stripes(slice(0, 5), slice(5, 7), slice(7, 10))  # 8 pixels are enough
    found = detr_segments(certain([0, 0, 1], 4), larger, Placement.whole((10, 4)), 2)
    assert found.labels.tolist() == [0, 0, 1]


def test_detr_keeps_one_query_of_a_stuff_class():
    # Queries 0 and 2 are stuff 3: the second is taken out, its rows go to query 1.
    masks = stripes(slice(0, 4), slice(4, 7), slice(7, 10))
    masks[1, 7:] = -1.0
    found = detr_segments(certain([3, 0, 3], 4), masks, Placement.whole((10, 4)), 2)
    rows = torch.tensor([1] * 4 + [2] * 6, dtype=torch.int32)
    assert_equal(found, rows[:, None].expand(10, 4), [3, 0])


def test_detr_with_nothing_left():
    nothing = torch.zeros(5, 6, dtype=torch.int32)
    logits, placement = torch.full((2, 5, 6), BIG), Placement.whole((5, 6))
    assert_equal(detr_segments(certain([4, 4], 4), logits, placement, 2), nothing, [])
    found = detr_segments(certain([0, 1], 4), logits, placement, 2, min_area=30)
    assert_equal(found, nothing, [])  # 30 pixels are too few for any


@pytest.mark.parametrize("tile", TILES)
def test_detr_does_not_depend_on_the_tile(tile, set_tile):
    class_logits, mask_logits = outputs((60, 83), seed=2)
    placement = Placement.whole((60, 83))
    whole = detr_segments(class_logits, mask_logits, placement, 4)
    set_tile(tile)
    found = detr_segments(class_logits, mask_logits, placement, 4)
    assert len(whole.labels) > 3
    assert_equal(found, whole.segment_map, whole.labels.tolist())
