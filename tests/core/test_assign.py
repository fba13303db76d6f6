"""``HungarianAssigner.assign``, as heads of MMDetection call it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.match_costs import ClassificationCost
from tests import cases, reference


def problem(num_segments):
    """The host's containers of one image, and the same as tensors."""
    case = cases.random_case([num_segments], num_layers=1)
    class_logits, mask_logits = (x[0, 0].detach() for x in case[:2])
    labels, masks = case.targets[0]
    small = reference.resize_nearest(masks, tuple(mask_logits.shape[-2:]))
    predicted = SimpleNamespace(scores=class_logits, masks=mask_logits)
    return predicted, SimpleNamespace(labels=labels, masks=small), case


def test_pairs_are_those_of_the_reference():
    predicted, given, case = problem(5)
    found = HungarianAssigner().assign(predicted, given, {})
    exact = (x.double() for x in (predicted.scores, predicted.masks))
    queries, segments = reference.match(*exact, case.targets[0], reference.Weights())
    wanted = torch.zeros(12, dtype=torch.long)
    wanted[queries] = torch.tensor(segments) + 1
    assert found.gt_inds.tolist() == wanted.tolist()
    labels = [int(given.labels[i - 1]) if i else -1 for i in wanted.tolist()]
    assert found.labels.tolist() == labels
    assert found.num_gts == 5


def test_an_image_without_segments_assigns_nothing():
    predicted, given, _ = problem(0)
    found = HungarianAssigner().assign(predicted, given)
    assert found.gt_inds.tolist() == [0] * 12
    assert found.labels.tolist() == [-1] * 12


def test_segments_without_a_query_are_a_warning(caplog):
    predicted, given, _ = problem(15)
    found = HungarianAssigner().assign(predicted, given, dict(img_path="a.jpg"))
    assert sorted(found.gt_inds.tolist())[0] > 0  # all 12 queries have one
    assert "a.jpg has 15 segments but the model has 12 queries; 3 seg" in caplog.text


def test_costs_that_are_not_finite_are_replaced():
    predicted, given, _ = problem(2)
    predicted.scores[3] = float("nan")
    assigner = HungarianAssigner([ClassificationCost()])
    found = assigner.assign(predicted, given)
    assert found.gt_inds[3] == 0
    cost = -predicted.scores.softmax(-1)[:, given.labels].numpy()
    queries, segments = linear_sum_assignment(np.nan_to_num(cost, nan=1e3))
    assert found.gt_inds[queries].tolist() == (segments + 1).tolist()


def test_costs_of_another_package_are_summed_in_float32():
    """1 and 1 + 2^-9 are one number in bfloat16."""
    small = torch.tensor([[2**-9, 0.0], [0.0, 0.0]]).bfloat16()
    costs = [lambda *_: small, lambda *_: torch.ones_like(small)]
    predicted = SimpleNamespace(scores=torch.zeros(2, 2).bfloat16())
    given = SimpleNamespace(labels=torch.tensor([0, 0]))
    found = HungarianAssigner(costs).assign(predicted, given)
    assert found.gt_inds.tolist() == [2, 1]


def test_configs_of_costs_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="leave `costs` out"):
        HungarianAssigner([dict(type="DiceCost")])


@pytest.mark.mmdet
def test_a_head_of_another_package_gives_the_same_losses_with_it(monkeypatch):
    pytest.importorskip("mmdet")
    from tests import peers

    case = cases.random_case([4, 0, 3])
    logits = (case.class_logits.detach(), case.mask_logits.detach())
    wanted = peers.losses(*logits, case.targets)
    build, calls = peers.build_head, []

    class Counted(HungarianAssigner):
        def assign(self, **arguments):
            calls.append(len(arguments["gt_instances"].labels))
            return super().assign(**arguments)

    def with_our_assigner(*arguments, **options):
        head = build(*arguments, **options)
        head.assigner = Counted()
        return head

    monkeypatch.setattr(peers, "build_head", with_our_assigner)
    found = peers.losses(*logits, case.targets)
    assert sorted(calls) == [0, 0, 3, 3, 4, 4]  # two layers
    assert {name: float(x) for name, x in found.items()} == pytest.approx(
        {name: float(x) for name, x in wanted.items()}, rel=1e-6
    )
