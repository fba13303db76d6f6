"""Matching by boxes (paper Table 5): DETR's cost, and the losses of all four kinds."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.box_losses import BoxL1Loss, BoxLoss, GIoULoss
from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.match_costs import BoxL1Cost, ClassificationCost, GIoUCost
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases, reference_variants
from tests.checks import assert_gradients_equal, assert_losses_equal


def box_criterion(**options):
    return SetCriterion(loss_bbox=BoxL1Loss(), loss_giou=GIoULoss(), **options)


def random_boxes(case, seed=0):
    """Boxes (L, B, Q, 4) of every query, inside the image or a little beyond."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*case.class_logits.shape[:3], 4)
    return torch.rand(shape, generator=generator).clamp(min=0.05).requires_grad_()


def predictions_of(case, boxes):
    found = cases.as_predictions(case.class_logits, case.mask_logits)
    return found._replace(boxes=boxes)


CASES = {
    "two images": dict(segments=[4, 3]),
    "an empty image": dict(segments=[4, 0]),
    "all ignored": dict(segments=[0, 0]),
    "odd size": dict(segments=[3, 5], size=(33, 50)),
    "more segments than queries": dict(segments=[9, 3], num_queries=5),
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_equals_the_reference(options):
    case = cases.random_case(**options, seed=5)
    boxes = random_boxes(case)
    losses = box_criterion()(
        predictions_of(case, boxes), cases.as_targets(case.targets)
    )
    leaves = (case.class_logits, case.mask_logits, boxes)
    found = torch.autograd.grad(sum(losses.values()), leaves)
    exact = [x.detach().double().requires_grad_() for x in leaves]
    wanted = reference_variants.criterion_with_boxes(*exact, case.targets)
    assert len(wanted) == 2 * 5  # five losses of two layers
    assert_losses_equal(losses, wanted, rtol=2e-6)
    expected = torch.autograd.grad(sum(wanted.values()), exact)
    assert_gradients_equal(found, expected, tolerance=2e-6)


def test_matches_equal_those_of_detr():
    loss = pytest.importorskip("transformers.loss.loss_for_object_detection")
    peer = loss.HungarianMatcher(class_cost=1, bbox_cost=5, giou_cost=2)
    case = cases.random_case([6, 4, 9], num_queries=20, num_layers=3, seed=3)
    boxes, targets = random_boxes(case), cases.as_targets(case.targets)
    given = [dict(class_labels=x.labels, boxes=x.boxes) for x in targets]
    found = box_criterion().assigner(predictions_of(case, boxes), targets)
    for layer in range(3):
        outputs = dict(logits=case.class_logits[layer], pred_boxes=boxes[layer])
        for match, (queries, segments) in zip(found, peer(outputs, given), strict=True):
            order = segments.argsort()
            assert match.queries[layer].tolist() == queries[order].tolist()
            assert match.segments[layer].tolist() == segments[order].tolist()


def test_each_of_the_three_costs_matters():
    case = cases.random_case([6, 4, 9], num_queries=20, num_layers=3, seed=3)
    predictions = predictions_of(case, random_boxes(case))
    targets = cases.as_targets(case.targets)
    costs = [ClassificationCost(1.0), BoxL1Cost(5.0), GIoUCost(2.0)]

    def found(costs):
        matches = HungarianAssigner(costs)(predictions, targets)
        return [match.queries.tolist() for match in matches]

    assert found(costs) == [
        x.queries.tolist() for x in box_criterion().assigner(predictions, targets)
    ]
    for index in range(3):
        assert found([x for i, x in enumerate(costs) if i != index]) != found(costs)


def test_weights_of_boxes_serve_the_losses_and_the_matching():
    criterion = SetCriterion(
        loss_cls=ClassificationLoss(weight=2.0),
        loss_bbox=BoxL1Loss(weight=7.0),
        loss_giou=GIoULoss(weight=0.5),
    )
    assigner = criterion.assigner
    assert [x.weight for x in assigner.class_costs] == [2.0]
    assert [x.weight for x in assigner.box_costs] == [7.0, 0.5]
    assert not assigner.mask_costs
    case = cases.random_case([2], num_layers=1, num_queries=2)
    predictions = predictions_of(case, random_boxes(case))
    targets = cases.as_targets(case.targets)
    criterion.assigner = box_criterion().assigner  # the same pairs
    found, plain = (x(predictions, targets) for x in (criterion, box_criterion()))
    for name, factor in dict(cls=2, bbox=7 / 5, giou=0.5 / 2, mask=1).items():
        expected = pytest.approx(factor * plain[f"loss_{name}"].item(), rel=1e-6)
        assert found[f"loss_{name}"].item() == expected


def test_perfect_boxes_cost_nothing_and_wrong_ones_do():
    labels, masks = cases.target(4, 5, (32, 32), seed=9, void=False)
    (target,) = cases.as_targets([(labels, masks)])
    class_logits = torch.zeros(1, 1, 6, 6)
    class_logits[..., 5] = 30.0
    class_logits[0, 0, :4] = 30.0 * torch.eye(6)[labels]
    whole = torch.full((6, 32, 32), -60.0)
    whole[:4][masks] = 60.0
    boxes = torch.full((1, 1, 6, 4), 0.5)
    boxes[0, 0, :4] = target.boxes
    predictions = cases.as_predictions(class_logits, whole[None, None])
    losses = box_criterion()(predictions._replace(boxes=boxes), [target])
    assert set(losses) == {f"loss_{x}" for x in ("cls", "mask", "dice", "bbox", "giou")}
    assert all(float(value) < 1e-5 for value in losses.values())
    moved = boxes + torch.tensor([0.1, 0.0, 0.0, 0.0])
    losses = box_criterion()(predictions._replace(boxes=moved), [target])
    assert losses["loss_bbox"].item() == pytest.approx(5 * 0.1, rel=1e-5)
    assert losses["loss_giou"].item() > 0.1


def test_segments_without_a_pixel_have_no_box_to_compare():
    labels = torch.tensor([1])
    masks = torch.zeros(1, 16, 16, dtype=torch.bool)
    boxes = torch.tensor([[[[0.2, 0.4, 0.1, 0.3]]]], requires_grad=True)
    predictions = cases.as_predictions(
        torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 1, 4, 4)
    )
    targets = [SegmentTargets.from_masks(labels, masks)]
    losses = box_criterion()(predictions._replace(boxes=boxes), targets)
    terms = losses["loss_bbox"] + losses["loss_giou"]
    assert terms.item() == 0
    (gradient,) = torch.autograd.grad(terms, boxes)
    assert gradient.abs().max() == 0


def test_no_segments_leave_boxes_connected_to_the_graph():
    case = cases.random_case([0, 0])
    boxes = random_boxes(case)
    losses = box_criterion()(
        predictions_of(case, boxes), cases.as_targets(case.targets)
    )
    terms = [x for name, x in losses.items() if name.endswith(("bbox", "giou"))]
    assert [x.item() for x in terms] == [0.0] * 4
    (gradient,) = torch.autograd.grad(sum(terms), boxes)  # not None
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_does_not_reach_the_losses(dtype):
    case = cases.random_case([4, 3], seed=2)
    predictions = predictions_of(case, random_boxes(case))
    targets = cases.as_targets(case.targets)
    wanted = box_criterion()(predictions, targets)
    with torch.autocast("cpu", dtype=dtype):
        losses = box_criterion()(predictions, targets)
    assert all(x.dtype == torch.float32 for x in losses.values())
    assert_losses_equal(losses, wanted, rtol=1e-6)
    low = predictions._replace(boxes=predictions.boxes.to(dtype))
    exact = predictions._replace(boxes=predictions.boxes.to(dtype).float())
    losses = box_criterion()(low, targets)
    assert all(x.dtype == torch.float32 for x in losses.values())
    assert_losses_equal(losses, box_criterion()(exact, targets), rtol=1e-6)


def test_a_loss_without_a_cost_is_a_sentence():
    class Own(BoxLoss):
        pass

    with pytest.raises(NotImplementedError, match="Own has no match_cost; write one"):
        SetCriterion(loss_bbox=Own(1.0))


def test_box_costs_without_a_box_head_are_a_sentence():
    case = cases.random_case([2])
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    assigner = HungarianAssigner([BoxL1Cost()])
    criterion = SetCriterion(assigner=assigner)
    with pytest.raises(ValueError, match="predicts none; give SetCriterion its loss_b"):
        criterion(predictions, cases.as_targets(case.targets))
