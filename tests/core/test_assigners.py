"""The matching: optimal, in float32 always, and calm with bad input."""

from __future__ import annotations

import logging

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.match_costs import (
    BCECost,
    ClassificationCost,
    DiceCost,
    FocalCost,
)
from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases, reference
from tests.helpers.points import GivenPoints


def assigner(**options):
    costs = [ClassificationCost(1.0), FocalCost(20.0), DiceCost(1.0)]
    return HungarianAssigner(costs, **options)


def matches_of(case, found=None, **options):
    """The matches as {(layer, image): {segment: query}}."""
    if found is None:
        predictions = cases.as_predictions(case.class_logits, case.mask_logits)
        found = assigner(**options)(predictions, cases.as_targets(case.targets))
    return {
        (layer, image): dict(zip(segments.tolist(), queries.tolist(), strict=True))
        for image, match in enumerate(found)
        for layer, (queries, segments) in enumerate(
            zip(match.queries, match.segments, strict=True)
        )
    }


@pytest.mark.parametrize(
    ("segments", "num_queries"),
    [([5, 3], 12), ([0, 4, 1], 12), ([12], 12), ([15, 2], 6)],
)
@pytest.mark.parametrize("size", [(32, 40), (33, 50)])
def test_matches_equal_the_reference(segments, num_queries, size):
    case = cases.random_case(segments, num_queries=num_queries, size=size, seed=1)
    found = matches_of(case)
    weights = reference.Weights()
    for (layer, image), pairs in found.items():
        queries, numbers = reference.match(
            case.class_logits[layer, image].detach().double(),
            case.mask_logits[layer, image].detach().double(),
            case.targets[image],
            weights,
        )
        assert pairs == dict(zip(numbers, queries, strict=True))
        assert len(pairs) == min(segments[image], num_queries)


def test_void_pixels_are_left_out_of_the_costs():
    case = cases.random_case([4, 3], size=(33, 50), seed=2)
    inside = [torch.rand(33, 50) > 0.5 for _ in range(2)]
    targets = [(*t, v) for t, v in zip(case.targets, inside, strict=True)]
    valid = case._replace(targets=targets)
    found = matches_of(valid)
    for (layer, image), pairs in found.items():
        queries, numbers = reference.match(
            case.class_logits[layer, image].detach().double(),
            case.mask_logits[layer, image].detach().double(),
            targets[image],
            reference.Weights(),
        )
        assert pairs == dict(zip(numbers, queries, strict=True))
    assert found != matches_of(case)


def near_ties():
    """Queries that differ by less than bfloat16 and float16 can tell."""
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(1, 1, 1, 16, generator=generator)
    embed = embed + 2e-4 * torch.randn(2, 1, 30, 16, generator=generator)
    features = torch.randn(1, 16, 12, 12, generator=generator)
    targets = cases.as_targets([cases.target(8, 5, (48, 48), seed=5)])
    return Predictions(torch.zeros(2, 1, 30, 6), embed, features[None]), targets


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_matching_under_autocast_is_float32(dtype):
    predictions, targets = near_ties()
    exact = assigner()(predictions, targets)[0]
    with torch.autocast("cpu", dtype=dtype):
        found = assigner()(predictions, targets)[0]
    assert torch.equal(found.queries, exact.queries)
    rounded = Predictions(*(x.to(dtype).float() for x in predictions[:3]))
    coarse = assigner()(rounded, targets)[0]
    assert not torch.equal(coarse.queries, exact.queries)  # the case can tell


def test_low_precision_features_do_not_overflow(caplog):
    # 1,024 cells x softplus(100) = 102,400 overflows float16 (65,504)
    embed = torch.tensor([[[[100.0], [-100.0]]]], dtype=torch.float16)
    features = torch.ones(1, 1, 32, 32, dtype=torch.float16)
    whole = (torch.tensor([0]), torch.ones(1, 128, 128, dtype=torch.bool))
    matcher = HungarianAssigner([BCECost(weight=1.0)])
    predictions = Predictions(torch.zeros(1, 1, 2, 2), embed, features[None])
    with torch.autocast("cpu", dtype=torch.float16):
        (match,) = matcher(predictions, cases.as_targets([whole]))
    assert match.queries.tolist() == [[0]]
    assert not caplog.records  # no cost was infinite


def bad_predictions(case, value):
    """Query 3 of image 1 in layer 1 has class logits that are not finite."""
    logits = case.class_logits.detach().clone()
    logits[1, 1, 3] = value
    return cases.as_predictions(logits, case.mask_logits.detach())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_costs_are_replaced_and_told_once(value, caplog):
    case = cases.random_case([2, 4], num_queries=8)
    matcher, targets = assigner(), cases.as_targets(case.targets, ["a.png", "b.png"])
    clean = assigner()(
        cases.as_predictions(case.class_logits, case.mask_logits), targets
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = matcher(bad_predictions(case, value), targets)
    assert len(caplog.records) == 1
    assert "b.png in layer(s) [1]" in caplog.text
    assert "a.png" not in caplog.text
    assert 3 not in found[1].queries[1].tolist()
    assert torch.equal(found[0].queries, clean[0].queries)
    assert torch.equal(found[1].queries[0], clean[1].queries[0])


def test_all_costs_bad_still_gives_a_matching():
    case = cases.random_case([2, 4], num_queries=8)
    logits = torch.full_like(case.class_logits, float("nan"))
    predictions = cases.as_predictions(logits, case.mask_logits)
    found = assigner()(predictions, cases.as_targets(case.targets))
    assert [match.queries.shape[1] for match in found] == [2, 4]
    assert all(len(set(row)) == 4 for row in found[1].queries.tolist())


def test_bad_steps_in_a_row_stop_the_training():
    case = cases.random_case([2, 4], num_queries=8)
    matcher, targets = assigner(max_bad_steps=3), cases.as_targets(case.targets)
    bad = bad_predictions(case, float("nan"))
    good = cases.as_predictions(case.class_logits, case.mask_logits)
    for predictions in (bad, bad, good, bad, bad):  # a good step starts the count anew
        matcher(predictions, targets)
    with pytest.raises(FloatingPointError, match="3 steps in a row.*learning rate"):
        matcher(bad, targets)


def test_more_segments_than_queries_is_one_warning(caplog):
    case = cases.random_case([3, 9], num_queries=5)
    targets = cases.as_targets(case.targets, ["a.png", "crowd.png"])
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    matcher = assigner()
    with caplog.at_level(logging.WARNING):
        found = [matcher(predictions, targets) for _ in range(2)][0]
    assert len(caplog.records) == 1
    assert "crowd.png has 9 segments" in caplog.text
    assert "5 queries" in caplog.text
    assert sorted(found[1].queries[0].tolist()) == [0, 1, 2, 3, 4]


def test_order_of_targets_is_irrelevant():
    case = cases.random_case([6], seed=3)
    labels, masks = case.targets[0]
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    shuffled = case._replace(targets=[(labels[order], masks[order])])
    renamed = {
        key: {int(order[s]): q for s, q in pairs.items()}
        for key, pairs in matches_of(shuffled).items()
    }
    assert renamed == matches_of(case)


def test_batched_equals_single():
    case = cases.random_case([4, 0, 6], seed=5)
    together = matches_of(case)
    for image in range(3):
        alone = cases.Case(
            case.class_logits[:, image : image + 1],
            case.mask_logits[:, image : image + 1],
            case.targets[image : image + 1],
        )
        for (layer, _), pairs in matches_of(alone).items():
            assert together[layer, image] == pairs


def test_perfect_queries_match_their_segments():
    labels, masks = cases.target(4, 5, (32, 32), seed=9)
    small = reference.resize_nearest(masks, (8, 8))
    logits = torch.where(small, 20.0, -20.0)
    order = torch.tensor([2, 0, 3, 1])
    case = cases.Case(
        torch.zeros(1, 1, 4, 6), logits[order][None, None], [(labels, masks)]
    )
    assert matches_of(case)[0, 0] == {2: 0, 0: 1, 3: 2, 1: 3}


def test_no_costs_is_refused():
    with pytest.raises(ValueError, match="leaves nothing to match by"):
        HungarianAssigner([])


@pytest.mark.mmdet
@pytest.mark.parametrize("void", [False, True])
def test_costs_of_mmdet_serve_as_well(void):
    pytest.importorskip("mmdet")
    from mmdet.models.task_modules.assigners import match_cost as peer

    case = cases.random_case([6, 0, 4], size=(33, 50), seed=6)
    if void:
        generator = torch.Generator().manual_seed(0)
        inside = torch.rand(33, 50, generator=generator) > 0.5
        case = case._replace(targets=[(*target, inside) for target in case.targets])
    theirs = [
        peer.ClassificationCost(weight=1.0),
        peer.FocalLossCost(weight=2.0, binary_input=True),
        peer.DiceCost(weight=9.0, pred_act=True, eps=1.0),
    ]
    ours = [ClassificationCost(1.0), FocalCost(2.0), DiceCost(9.0)]
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    targets = cases.as_targets(case.targets)

    def found(costs):
        return matches_of(case, HungarianAssigner(costs)(predictions, targets))

    wanted = found(ours)
    assert found(theirs) == wanted
    assert found([theirs[0], ours[1], theirs[2]]) == wanted
    for index in range(3):  # each of the three matters
        assert found([x for i, x in enumerate(theirs) if i != index]) != wanted


def test_costs_of_other_packages_see_points_that_count_by_half_at_least():
    seen = []

    def cost(predicted, given):
        seen.append((predicted.masks, given.masks))
        return torch.zeros(2, 2)

    # centres of the pixels lie at 1/4 and 3/4: of the second point 1/4 is void, of the
    # third 3/4, of the last 1/2
    points = [[0.25, 0.25], [0.5, 0.5], [0.625, 0.75], [0.75, 0.5]]
    pixels, ids = torch.tensor([[1, 2], [1, 0]]), torch.tensor([1, 2])
    target = SegmentTargets(ids - 1, pixels, ids, valid=pixels > 0)
    features = torch.tensor([[0.0, 4], [8, 12]]).view(1, 1, 1, 2, 2)
    embed = torch.tensor([[1.0, -1], [2, 3]]).view(2, 1, 2, 1)
    masks = GivenPoints(4, [torch.tensor([points])])
    predictions = Predictions(torch.zeros(2, 1, 2, 3), embed, features)
    HungarianAssigner([cost], masks=masks)(predictions, [target])
    logits = torch.tensor([0.0, 6, 8])  # 6 amid the four, 8 amid 4 and 12
    wanted = torch.tensor([[1, 1 / 2, 0], [0, 1 / 4, 1 / 2]])  # shares of each pixel
    for (found, given), factors in zip(seen, embed[:, 0], strict=True):
        torch.testing.assert_close(found, (factors * logits)[:, None])
        torch.testing.assert_close(given, wanted[:, None])
