"""Fixed matching (paper Table 4): query k answers for class k."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.fixed_assigner import FixedAssigner
from mmseg_maskformer.core.targets import SegmentTargets, semantic_targets
from tests import cases, reference_variants
from tests.checks import (
    assert_gradients_equal,
    assert_losses_equal,
    gradients,
    in_float64,
    run,
)

CLASSES = 7


def per_class_case(labels, size=(32, 40), num_queries=CLASSES, seed=0):
    """A batch whose image b has one segment of each class of `labels[b]`."""
    counts = [len(row) for row in labels]
    case = cases.random_case(
        counts, num_classes=CLASSES, num_queries=num_queries, size=size, seed=seed
    )
    targets = [
        (torch.tensor(row, dtype=torch.long), masks)
        for row, (_, masks) in zip(labels, case.targets, strict=True)
    ]
    return case._replace(targets=targets)


def test_query_k_is_matched_to_class_k_in_every_layer():
    case = per_class_case([[5, 0, 2], [], [6]])
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    found = FixedAssigner()(predictions, cases.as_targets(case.targets))
    queries = [match.queries.tolist() for match in found]
    assert queries == [[[5, 0, 2]] * 2, [[]] * 2, [[6]] * 2]
    segments = [match.segments.tolist() for match in found]
    assert segments == [[[0, 1, 2]] * 2, [[]] * 2, [[0]] * 2]


@pytest.mark.parametrize(
    "labels", [[[5, 0, 2], [1, 6]], [[3], []], [[], []], [list(range(7)), [4]]]
)
def test_losses_equal_the_reference(labels):
    case = per_class_case(labels, size=(33, 50), seed=4)
    losses, found = run(SetCriterion(assigner=FixedAssigner()), case)
    exact = in_float64(case)
    wanted = reference_variants.criterion_with_fixed_matching(*exact)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)


def test_class_term_in_closed_form():
    # 7 queries, all logits 0: -log(1 / 8) each; 3 queries weigh 1, 4 weigh 0.1
    case = per_class_case([[5, 0, 2]])
    logits = torch.zeros_like(case.class_logits)
    logits[..., 1, 7] = 2.0  # query 1 says "no object" and is right
    criterion = SetCriterion(assigner=FixedAssigner())
    losses, _ = run(criterion, case._replace(class_logits=logits.requires_grad_()))
    right = torch.tensor([0.0] * 7 + [2.0]).log_softmax(0)[7].item()
    expected = (3.3 * 2.0794415 - 0.1 * right) / 3.4
    assert losses["loss_cls"].item() == pytest.approx(expected, rel=1e-6)


def test_perfect_prediction_costs_nothing_and_one_query_further_does():
    label_map = torch.full((1, 32, 32), 255)
    label_map[:, :16] = 4
    label_map[:, 20:, 8:] = 1
    (target,) = semantic_targets(label_map, CLASSES)
    class_logits = 30.0 * torch.eye(8)[[7, 1, 7, 7, 4, 7, 7]]
    masks = torch.full((CLASSES, 32, 32), -60.0)
    masks[[1, 4]] += 120 * target.masks(torch.arange(2))
    criterion = SetCriterion(assigner=FixedAssigner())
    perfect = cases.as_predictions(class_logits[None, None], masks[None, None])
    assert all(float(x) < 1e-6 for x in criterion(perfect, [target]).values())
    shifted = [x.roll(1, dims=2) for x in (class_logits[None, None], masks[None, None])]
    losses = criterion(cases.as_predictions(*shifted), [target])
    assert min(float(x) for x in losses.values()) > 0.3
    # the free matching does not mind which query answers
    free = SetCriterion()(cases.as_predictions(*shifted), [target])
    assert all(float(x) < 1e-6 for x in free.values())


def test_other_numbers_of_queries_are_a_sentence():
    case = per_class_case([[5, 0, 2]], num_queries=9)
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    with pytest.raises(ValueError, match="9 queries and 7 classes; set.*num_queries=N"):
        FixedAssigner()(predictions, cases.as_targets(case.targets))


def test_two_segments_of_a_class_are_a_sentence():
    case = per_class_case([[5], [2, 3, 2]])
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    targets = cases.as_targets(case.targets, ["a.png", "b.png"])
    with pytest.raises(ValueError, match="b.png has several segments of one class"):
        FixedAssigner()(predictions, targets)


def test_equals_the_free_matching_where_that_has_no_choice():
    # one query and one class
    masks = torch.zeros(1, 16, 16, dtype=torch.bool)
    masks[:, 3:9] = True
    targets = [SegmentTargets.from_masks(torch.tensor([0]), masks)]
    logits = torch.randn(2, 1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    predictions = cases.as_predictions(torch.zeros(2, 1, 1, 2), logits)
    fixed = SetCriterion(assigner=FixedAssigner())(predictions, targets)
    assert_losses_equal(fixed, SetCriterion()(predictions, targets), rtol=1e-6)
