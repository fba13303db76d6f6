"""The ranking of instances, in closed forms."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.tiling import Placement
from tests.helpers.queries import BIG, TILES, outputs


def test_instances_in_closed_form():
    # p = (0.6, 0.3 | 0.1) for query 0 and (0.2, 0.5 | 0.3) for query 1
    class_logits = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]).log()
    masks = torch.full((2, 4, 6), -BIG)
    masks[0, 1:3, 2:5] = torch.tensor(1.5).log()  # probability 3/5 on 6 pixels
    masks[1, 0, 0] = torch.tensor(9.0).log()  # 9/10 on one pixel
    found = instances(
        class_logits, masks, Placement.whole((4, 6)), num_things=2, max_per_image=3
    )
    # best three pairs: (0, class 0) 0.6, (1, class 1) 0.5, (0, class 1) 0.3; masks
    # bring the second to the front
    assert found.labels.tolist() == [1, 0, 1]
    expected = torch.tensor([0.5 * 0.9, 0.6 * 0.6, 0.3 * 0.6])
    torch.testing.assert_close(found.scores, expected, rtol=2e-6, atol=0)
    assert found.boxes.tolist() == [[0, 0, 1, 1], [2, 1, 5, 3], [2, 1, 5, 3]]
    assert found.masks.flatten(1).sum(1).tolist() == [1, 6, 6]
    assert found.masks[1, 1:3, 2:5].all()


def test_instances_that_are_sure_and_of_the_best_class():
    class_logits = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]).log()
    masks = torch.full((2, 4, 6), BIG)  # certain: the score is the class probability

    def found(**settings):
        result = instances(class_logits, masks, Placement.whole((4, 6)), 2, **settings)
        assert len(result.masks) == len(result.boxes) == len(result.scores)
        return result.labels.tolist(), result.scores.tolist()

    everything = ([0, 1, 1, 0], pytest.approx([0.6, 0.5, 0.3, 0.2]))
    assert found() == everything
    assert found(score_thr=0.25) == ([0, 1, 1], pytest.approx([0.6, 0.5, 0.3]))
    assert found(one_per_query=True) == ([0, 1], pytest.approx([0.6, 0.5]))
    # the next best class of a query takes the place of none
    close = torch.tensor([[0.5, 0.45, 0.05], [0.3, 0.1, 0.6]]).log()
    two = instances(close, masks, Placement.whole((4, 6)), 2, 2, one_per_query=True)
    assert two.labels.tolist() == [0, 0]
    both = found(score_thr=0.55, one_per_query=True)
    assert both == ([0], pytest.approx([0.6]))
    assert found(score_thr=1.0) == ([], [])


def test_instances_are_things_and_as_many_as_there_are():
    class_logits = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]).log()
    masks = torch.full((2, 4, 6), BIG)
    found = instances(
        class_logits, masks, Placement.whole((4, 6)), 1, max_per_image=100
    )
    # 2 queries x 2 classes = 4 pairs, two of them of the one thing class
    torch.testing.assert_close(found.scores, torch.tensor([0.6, 0.2]))
    assert found.labels.tolist() == [0, 0]
    none = instances(class_logits, masks, Placement.whole((4, 6)), num_things=0)
    assert none.masks.shape == (0, 4, 6)
    assert none.boxes.shape == (0, 4)


def test_an_empty_mask_scores_zero_and_has_no_box():
    class_logits = torch.tensor([[0.9, 0.1]]).log()
    found = instances(
        class_logits, torch.full((1, 4, 6), -3.0), Placement.whole((4, 6)), num_things=1
    )
    assert found.scores.tolist() == [0.0]
    assert found.boxes.tolist() == [[0, 0, 0, 0]]
    two_classes = torch.tensor([[0.8, 0.1, 0.1]]).log()
    place = Placement.whole((4, 6))
    empty = torch.full((1, 4, 6), -3.0)
    found = instances(two_classes, empty, place, num_things=2, one_per_query=True)
    assert found.labels.tolist() == [0]


@pytest.mark.parametrize("tile", TILES)
def test_instances_do_not_depend_on_the_tile(tile, set_tile):
    class_logits, mask_logits = outputs((16, 21), seed=1)
    placement = Placement((64, 84), (0, 60, 0, 81), (90, 100))
    whole = instances(class_logits, mask_logits, placement, 4)
    set_tile(tile)
    found = instances(class_logits, mask_logits, placement, 4)
    assert torch.equal(found.labels, whole.labels)
    torch.testing.assert_close(found.scores, whole.scores, rtol=1e-5, atol=1e-6)
    assert (found.masks == whole.masks).double().mean() > 0.9999


def test_a_mask_is_where_its_probability_is_above_one_half():
    class_logits = torch.tensor([[0.9, 0.1]]).log()
    mask_logits = torch.tensor([[[0.0, 1e-6, -1e-6], [2.0, -2.0, 0.0]]])
    found = instances(class_logits, mask_logits, Placement.whole((2, 3)), num_things=1)
    wanted = [[False, True, False], [True, False, False]]
    assert found.masks[0].tolist() == wanted
    # probabilities 1/2 and 0.8808 on two pixels
    assert found.scores[0] == pytest.approx(0.9 * (0.5 + 0.8808) / 2, rel=1e-4)
