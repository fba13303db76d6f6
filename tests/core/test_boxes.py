"""Boxes, their losses and their costs: closed forms, torchvision, mmdet."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmseg_maskformer.core.box_losses import BoxL1Loss, GIoULoss
from mmseg_maskformer.core.boxes import centres, corners, generalized_iou
from mmseg_maskformer.core.match_costs import BoxL1Cost, GIoUCost


def random_corners(count, seed=0, dtype=torch.float64):
    """Boxes (n, 4) as left, top, right, bottom with an area, within 0..1."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 2, 2, generator=generator, dtype=dtype)
    first, last = points.amin(1), points.amax(1) + 0.01
    return torch.cat([first, last], dim=1)


def test_corners_and_centres_in_closed_form():
    box = torch.tensor([[2.0, 5.0, 2.0, 4.0]])  # centre (2, 5), 2 wide, 4 high
    assert corners(box).tolist() == [[1.0, 3.0, 3.0, 7.0]]
    assert centres(corners(box)).tolist() == box.tolist()


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        # overlap 1 * 2, union 8 + 4 - 2 = 10, hull 3 * 4
        ((0, 0, 2, 4), (1, 2, 3, 4), 2 / 10 - 2 / 12),
        # no overlap: union 2, hull 3 * 1
        ((0, 0, 1, 1), (2, 0, 3, 1), -1 / 3),
        # apart in both directions: hull 3 * 3
        ((0, 0, 1, 1), (2, 2, 3, 3), -7 / 9),
        # one inside the other: the hull is the union
        ((0, 0, 4, 2), (1, 0, 2, 1), 1 / 8),
        ((0, 1, 2, 3), (0, 1, 2, 3), 1.0),
        # without an area: one box, two points apart, two points above each other
        ((0, 0, 2, 2), (1, 1, 1, 1), 0.0),
        ((0, 0, 0, 0), (1, 1, 1, 1), -1.0),
        ((0, 0, 0, 0), (0, 1, 0, 1), 0.0),
    ],
)
def test_overlap_in_closed_form(a, b, value):
    a, b = (centres(torch.tensor(x, dtype=torch.float64)) for x in (a, b))
    assert generalized_iou(a, b).item() == pytest.approx(value, abs=1e-12)
    assert generalized_iou(b, a).item() == pytest.approx(value, abs=1e-12)


def test_overlaps_and_gradients_equal_those_of_torchvision():
    ops = pytest.importorskip("torchvision.ops")
    a, b = random_corners(40).requires_grad_(), random_corners(30, seed=1)
    wanted = ops.generalized_box_iou(a, b)
    found = generalized_iou(centres(a)[:, None], centres(b))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    factors = torch.linspace(-1, 1, 1200, dtype=torch.float64).view(40, 30)
    found, wanted = (
        torch.autograd.grad((factors * x).sum(), a, retain_graph=True)[0]
        for x in (found, wanted)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_losses_in_closed_form():
    # centre, width, height of (0, 0, 2, 4) and (1, 2, 3, 4)
    boxes = torch.tensor([[1.0, 2.0, 2.0, 4.0], [2.0, 3.0, 2.0, 2.0]])
    others = boxes.flip(0)
    assert BoxL1Loss()(boxes, others).tolist() == [4.0, 4.0]  # 1 + 1 + 0 + 2
    expected = torch.full((2,), 1 - (2 / 10 - 2 / 12))
    torch.testing.assert_close(GIoULoss()(boxes, others), expected)
    assert BoxL1Loss()(boxes, boxes).tolist() == [0.0, 0.0]
    assert GIoULoss()(boxes, boxes).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("loss", "shift"), [(BoxL1Loss(3.0), 0), (GIoULoss(0.5), 1)])
def test_costs_are_the_losses_of_all_pairs(loss, shift):
    a, b = centres(random_corners(6)), centres(random_corners(4, seed=1))
    cost = loss.match_cost()
    assert cost.weight == loss.weight
    wanted = loss(a[:, None], b) - shift  # DETR leaves out the constant of the cost
    torch.testing.assert_close(cost.pairwise(a, b), wanted)
    assert wanted.std() > 0.1


def test_default_weights_are_those_of_detr():
    assert (BoxL1Loss().weight, BoxL1Cost().weight) == (5.0, 5.0)
    assert (GIoULoss().weight, GIoUCost().weight) == (2.0, 2.0)


@pytest.mark.parametrize("part", [BoxL1Loss, GIoULoss, BoxL1Cost, GIoUCost])
def test_negative_weights_are_refused(part):
    with pytest.raises(ValueError, match="weight must be a number >= 0, got -2"):
        part(weight=-2)


def test_a_box_without_an_area_has_finite_gradients():
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2]], requires_grad=True)
    loss = GIoULoss()(boxes, torch.zeros(1, 4))
    # no overlap, union 0.2 * 0.2, hull 0.6 * 0.6
    assert loss.item() == pytest.approx(1 + (0.36 - 0.04) / 0.36)
    loss.backward()
    # hull (c + w / 2)^2: d(0.04 / 0.36)/dc = -0.04 / 0.36^2 * 0.6 for each of x and y
    expected = 0.04 / 0.36**2 * 0.6
    assert boxes.grad[0, :2].tolist() == pytest.approx([expected] * 2, rel=1e-5)
    point = torch.zeros(1, 4, requires_grad=True)
    GIoULoss()(point, torch.zeros(1, 4)).backward()
    assert torch.isfinite(point.grad).all()


def instances(boxes):
    return SimpleNamespace(bboxes=boxes)


def test_called_as_by_mmdet_boxes_are_in_pixels():
    # of 20 x 10 pixels (height x width): (2, 4, 6, 12) is centre 0.4, 0.4, size 0.4,
    # 0.4 and (0, 0, 10, 20) is 0.5, 0.5, 1, 1: 0.1 + 0.1 + 0.6 + 0.6
    arguments = (
        instances(torch.tensor([[2.0, 4.0, 6.0, 12.0]])),
        instances(torch.tensor([[0.0, 0.0, 10.0, 20.0]])),
        dict(img_shape=(20, 10)),
    )
    assert BoxL1Cost(weight=2.0)(*arguments).item() == pytest.approx(2.8)
    assert GIoUCost(weight=3.0)(*arguments).item() == pytest.approx(-3 * 0.16)


@pytest.mark.parametrize("cost", [BoxL1Cost(), GIoUCost()])
def test_boxes_in_pixels_of_an_unknown_image_are_a_sentence(cost):
    box = instances(torch.ones(1, 4))
    with pytest.raises(ValueError, match="Cost needs img_meta.*height, width"):
        cost(box, box)


@pytest.mark.mmdet
def test_costs_equal_those_of_mmdet():
    pytest.importorskip("mmdet")
    from mmdet.models.task_modules.assigners import match_cost as peer
    from mmengine.structures import InstanceData

    scale = torch.tensor([50.0, 33.0, 50.0, 33.0])
    predicted, truth = (
        InstanceData(bboxes=random_corners(count, seed, torch.float32) * scale)
        for count, seed in ((9, 2), (5, 3))
    )
    meta = dict(img_shape=(33, 50))
    pairs = [
        (BoxL1Cost(5.0), peer.BBoxL1Cost(box_format="xywh", weight=5.0)),
        (GIoUCost(2.0), peer.IoUCost(iou_mode="giou", weight=2.0)),
    ]
    for ours, theirs in pairs:
        found, wanted = (x(predicted, truth, img_meta=meta) for x in (ours, theirs))
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
        assert wanted.std() > 0.1
