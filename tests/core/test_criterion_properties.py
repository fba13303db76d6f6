"""The whole criterion against itself: invariances, precision, memory, bad input."""

from __future__ import annotations

import logging

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.structures import Match, Predictions
from mmseg_maskformer.core.targets import semantic_targets
from tests import cases, reference
from tests.checks import (
    assert_gradients_equal,
    assert_losses_equal,
    gradients,
    in_float64,
    run,
)


def test_void_pixels_are_background_unless_left_out():
    logits = 3 * torch.randn(1, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    label_map = torch.zeros(1, 32, 32, dtype=torch.long)
    label_map[:, 16:] = 255
    label_map[:, :8] = 1
    changed = logits.clone()
    changed[..., 5:, :] += 2.0  # row 4 is the last that upsampling mixes into row 15
    class_logits = torch.zeros(1, 1, 4, 4)
    values = {}
    for ignore_void in (False, True):
        targets = semantic_targets(label_map, num_classes=3, ignore_void=ignore_void)
        for name, masks in (("first", logits), ("changed", changed)):
            predictions = cases.as_predictions(class_logits, masks)
            losses = SetCriterion()(predictions, targets)
            values[ignore_void, name] = float(losses["loss_mask"])
    assert values[True, "first"] == pytest.approx(values[True, "changed"], rel=1e-6)
    assert abs(values[False, "first"] - values[False, "changed"]) > 1e-2


def test_an_image_without_labelled_pixel_is_zero_connected_to_the_graph():
    case = cases.random_case([0, 0])
    embed = torch.randn(2, 2, 12, 16, requires_grad=True)
    features = torch.randn(2, 16, 8, 10, requires_grad=True)
    predictions = Predictions(case.class_logits, embed, features[None])
    losses = SetCriterion()(predictions, cases.as_targets(case.targets))
    mask_terms = [value for name, value in losses.items() if not name.endswith("cls")]
    assert [value.item() for value in mask_terms] == [0.0] * 4
    for gradient in torch.autograd.grad(sum(mask_terms), (embed, features)):
        assert gradient.abs().max() == 0  # not None: every parameter takes part
    # all queries are no object: the class term is their plain mean
    no_object = case.class_logits[-1].log_softmax(-1)[..., -1]
    assert losses["loss_cls"].item() == pytest.approx(
        -no_object.mean().item(), rel=1e-5
    )


def test_more_segments_than_queries_trains_on(caplog):
    case = cases.random_case([9, 3], num_queries=5, seed=1)
    with caplog.at_level(logging.WARNING):
        losses, found = run(SetCriterion(), case)
        run(SetCriterion(), case)
    exact = in_float64(case)
    wanted = reference.criterion(*exact)
    assert_losses_equal(losses, wanted, rtol=2e-6)
    assert_gradients_equal(found, gradients(wanted, exact), tolerance=2e-6)
    assert "image0 has 9 segments" in caplog.text


def test_batched_equals_single():
    case = cases.random_case([4, 3], seed=7)
    both, _ = run(SetCriterion(), case)
    single = []
    for image in range(2):
        alone = cases.Case(
            case.class_logits[:, image : image + 1],
            case.mask_logits[:, image : image + 1],
            case.targets[image : image + 1],
        )
        predictions = cases.as_predictions(alone.class_logits, alone.mask_logits)
        single.append(SetCriterion()(predictions, cases.as_targets(alone.targets)))
    # 4 and 3 segments; classes: 12 queries, weight 1 if matched, else 0.1
    sums = {"mask": (4, 3), "dice": (4, 3), "cls": (4 + 0.8, 3 + 0.9)}
    for name, value in both.items():
        first, second = sums[name.rpartition("_")[2]]
        mean = (first * single[0][name] + second * single[1][name]) / (first + second)
        assert value.item() == pytest.approx(mean.item(), rel=1e-5)


def test_order_of_targets_is_irrelevant():
    case = cases.random_case([5, 4], seed=9)
    shuffled = [
        (labels[order], masks[order])
        for labels, masks in case.targets
        for order in [
            torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
        ]
    ]
    losses, found = run(SetCriterion(), case)
    others, wanted = run(SetCriterion(), case._replace(targets=shuffled))
    assert_losses_equal(losses, others, rtol=1e-6)
    assert_gradients_equal(found, wanted, tolerance=1e-6)


class ByQuery(HungarianAssigner):
    """Lists its pairs by ascending queries, as linear_sum_assignment does."""

    def __call__(self, *arguments):
        found = super().__call__(*arguments)
        orders = [match.queries.argsort(dim=1) for match in found]
        return [
            Match(*(x.gather(1, order) for x in match))
            for match, order in zip(found, orders, strict=True)
        ]


def test_order_of_pairs_is_irrelevant():
    case = cases.random_case([5, 3], num_layers=3)
    wanted, gradient = run(SetCriterion(), case)
    losses, found = run(SetCriterion(assigner=ByQuery()), case)
    assert_losses_equal(losses, wanted, rtol=1e-6)
    assert_gradients_equal(found, gradient, tolerance=1e-6)


def test_perfect_prediction_costs_nothing_and_a_wrong_one_does():
    labels, masks = cases.target(4, 5, (32, 32), seed=9, void=False)
    class_logits = torch.full((1, 1, 6, 6), 0.0)
    class_logits[..., 5] = 30.0
    class_logits[0, 0, :4] = 30.0 * torch.eye(6)[labels]
    whole = torch.full((6, 32, 32), -60.0)
    whole[:4][masks] = 60.0
    predictions = cases.as_predictions(class_logits, whole[None, None])
    losses = SetCriterion()(predictions, cases.as_targets([(labels, masks)]))
    assert all(float(value) < 1e-6 for value in losses.values())
    wrong = cases.as_predictions(class_logits, -whole[None, None])
    losses = SetCriterion()(wrong, cases.as_targets([(labels, masks)]))
    assert float(losses["loss_mask"]) > 10
    assert float(losses["loss_dice"]) > 0.2


def test_equal_layers_have_equal_losses():
    case = cases.random_case([4, 3], num_layers=1)
    three = [x.expand(3, *x.shape[1:]) for x in case[:2]]
    losses, _ = run(SetCriterion(), case)
    predictions = cases.as_predictions(*three)
    repeated = SetCriterion()(predictions, cases.as_targets(case.targets))
    assert len(repeated) == 9
    for name, value in repeated.items():
        wanted = losses[name.rpartition(".")[2]]
        assert value.item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_does_not_reach_the_losses(dtype):
    case = cases.random_case([4, 3], seed=2)
    losses, found = run(SetCriterion(), case)
    with torch.autocast("cpu", dtype=dtype):
        predictions = cases.as_predictions(case.class_logits, case.mask_logits)
        others = SetCriterion()(predictions, cases.as_targets(case.targets))
    assert_losses_equal(others, losses, rtol=1e-6)
    assert_gradients_equal(gradients(others, case), found, tolerance=1e-6)
    assert all(value.dtype == torch.float32 for value in others.values())


def test_low_precision_predictions_give_finite_float32_losses():
    case = cases.random_case([4, 3], seed=2)
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(2, 2, 12, 16, generator=generator).half().requires_grad_()
    features = (20 * torch.randn(2, 16, 8, 10, generator=generator)).half()
    features.requires_grad_()
    predictions = Predictions(case.class_logits.half(), embed, features[None])
    targets = cases.as_targets(case.targets)
    losses = SetCriterion()(predictions, targets)
    exact = Predictions(*(x.detach().float() for x in predictions[:3]))
    wanted = SetCriterion()(exact, targets)
    assert_losses_equal(losses, wanted, rtol=1e-6)
    by_name = SetCriterion()(targets=targets, predictions=predictions)
    assert_losses_equal(by_name, wanted, rtol=1e-6)
    sum(losses.values()).backward()
    assert embed.grad.dtype == features.grad.dtype == torch.float16
    assert torch.isfinite(features.grad).all()


def test_saved_for_backward_is_two_small_gradients_per_matched_mask():
    case = cases.random_case([5, 3], num_layers=3, num_queries=50, size=(128, 128))
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(3, 2, 50, 16, generator=generator, requires_grad=True)
    features = torch.randn(2, 16, 32, 32, generator=generator, requires_grad=True)
    logits = case.class_logits
    given = {x.untyped_storage().data_ptr() for x in (embed, features, logits)}
    saved = {}

    def pack(x):
        saved[x.untyped_storage().data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        losses = SetCriterion()(
            Predictions(logits, embed, features[None]), cases.as_targets(case.targets)
        )
    size = sum(x.untyped_storage().nbytes() for k, x in saved.items() if k not in given)
    masks = 2 * (5 + 3) * 3 * 32 * 32 * 4  # two terms, G x L masks, float32
    rest = 3 * 2 * 50 * (8 + 16 + 4) * 4  # class log-probabilities, embeddings, indices
    assert masks <= size <= masks + 4 * rest
    assert size < 3 * 2 * 50 * 32 * 32 * 4  # less than the mask logits of all queries
    assert torch.isfinite(sum(losses.values()))
