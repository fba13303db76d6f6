"""Comparing masks at points: the original criterion and slow formulas in float64."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.losses import BCEMaskLoss, DiceLoss, FocalMaskLoss
from mmseg_maskformer.core.mask_comparison import CHUNK, PointMasks
from mmseg_maskformer.core.match_costs import BCECost, DiceCost, FocalCost
from mmseg_maskformer.core.targets import SegmentTargets
from tests import cases, reference
from tests.helpers.points import GivenPoints, at_points, predictions_of


def golden_criterion(data, num_layers, num_images):
    """The criterion of the file with its points, in the order of asking."""
    matching, losses = [], []
    start = [0] * num_layers
    for image in range(num_images):
        if not len(data[f"labels{image}"]):
            continue
        names = [f"match_points{layer}_{image}" for layer in range(num_layers)]
        matching.append(torch.cat([torch.from_numpy(data[name]) for name in names]))
        sets = {"candidates": [], "random_points": []}
        for layer in range(num_layers):
            segments = data[f"segments{layer}_{image}"]
            rows = start[layer] + np.argsort(segments)
            start[layer] += len(segments)
            for kind, found in sets.items():
                found.append(torch.from_numpy(data[f"{kind}{layer}"][rows]))
        losses += [torch.stack(found, dim=1) for found in sets.values()]
    return SetCriterion(
        loss_cls=ClassificationLoss(weight=2.0),
        loss_mask=BCEMaskLoss(weight=5.0),
        loss_dice=DiceLoss(weight=5.0),
        masks=GivenPoints(int(data["P"]), matching + losses),
    )


def test_equals_the_original_criterion_at_its_points(golden):
    data = np.load(golden / "mask2former_criterion.npz")
    num_layers = sum(name.startswith("cls") for name in data.files)
    num_images = sum(name.startswith("labels") for name in data.files)
    cls, mask, gcls, gmask = (
        torch.stack([torch.from_numpy(data[f"{kind}{i}"]) for i in range(num_layers)])
        for kind in ("cls", "mask", "gcls", "gmask")
    )
    targets = [
        tuple(torch.from_numpy(data[f"{kind}{b}"]) for kind in ("labels", "masks"))
        for b in range(num_images)
    ]
    criterion = golden_criterion(data, num_layers, num_images)
    inputs = (cls.requires_grad_(), mask.requires_grad_())
    predictions = cases.as_predictions(*inputs)
    compact = cases.as_targets(targets)
    assigner, matches = criterion.assigner, []
    criterion.assigner = lambda *given: matches.extend(assigner(*given)) or matches
    losses = criterion(predictions, compact)
    assert not criterion.masks.given  # every set was asked for
    for image, match in enumerate(matches):
        for layer in range(num_layers):
            wanted = [data[f"{x}{layer}_{image}"] for x in ("queries", "segments")]
            order = np.argsort(wanted[1])
            assert match.queries[layer].tolist() == wanted[0][order].tolist()
            assert match.segments[layer].tolist() == wanted[1][order].tolist()
    names = {"loss_cls": "loss_ce", "loss_mask": "loss_mask", "loss_dice": "loss_dice"}
    wanted = json.loads(str(data["values"]))
    for name, value in losses.items():
        layer, _, short = name.rpartition(".")
        suffix = f"_{layer[1:]}" if layer else ""
        weight = getattr(criterion, short).weight
        expected = weight * wanted[names[short] + suffix]
        assert value.item() == pytest.approx(expected, rel=1e-5), name
    found = torch.autograd.grad(sum(losses.values()), inputs)
    for gradient, expected in zip(found, (gcls, gmask), strict=True):
        gap = (gradient - expected).abs().max() / expected.abs().max()
        assert gap < 1e-5


def slow_terms(logits, masks, valid, bce):
    """Mask and dice term of logits (P,), float64, beside masks (P,) that count (P,)."""
    weights = reference.Weights(bce=bce)
    loss = reference.pixel_loss(logits, masks, weights)
    mask = (valid * loss).sum() / max(1, valid.sum().item())
    probs = logits.sigmoid()
    overlap = 2 * (valid * probs * masks).sum() + 1
    area = (valid * probs).sum() + (valid * masks).sum() + 1
    return mask, 1 - overlap / area


def targets_of(void, soft=False):
    """One image of three segments, with void pixels and overlapping soft masks."""
    labels, masks = cases.target(3, 5, (21, 30), seed=1)
    generator = torch.Generator().manual_seed(0)
    valid = torch.rand(21, 30, generator=generator) > 0.6 if void else None
    if not soft:
        rest = () if valid is None else (valid,)
        return cases.as_targets([(labels, masks, *rest)])[0], masks.double()
    masks = torch.rand(masks.shape, generator=generator, dtype=torch.float64)
    return SegmentTargets.from_masks(labels, masks, valid), masks


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("bce", [False, True])
def test_losses_equal_slow_formulas(bce, void, soft):
    target, masks = targets_of(void, soft)
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(3, 2, 6, 8, generator=generator, dtype=torch.float64)
    logits.requires_grad_()
    order = torch.tensor([2, 0, 1])
    drawn = [torch.rand(3, 2, n, 2, generator=generator).double() for n in (60, 5)]
    comparison = GivenPoints(20, drawn)
    terms = [BCEMaskLoss() if bce else FocalMaskLoss(), DiceLoss()]
    found = comparison.losses(logits, order, target, terms)
    valid = None if target.valid is None else target.valid[None]
    wanted = torch.zeros_like(found)
    for row, segment in enumerate(order.tolist()):
        for layer in range(2):
            mine = logits[row, layer][None]
            candidates, rest = (x[row, layer] for x in drawn)
            certainty = at_points(mine, candidates[None])[0].abs()
            if valid is not None:
                certainty[at_points(valid, candidates[None])[0] == 0] = torch.inf
            points = torch.cat([candidates[certainty.argsort()[:15]], rest])[None]
            at = [at_points(x, points)[0] for x in (mine, masks[[segment]])]
            counts = torch.ones(20) if valid is None else at_points(valid, points)[0]
            wanted[:, row, layer] = torch.stack(slow_terms(*at, counts, bce))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    weights = torch.rand(found.shape, generator=generator, dtype=torch.float64)
    gradients = [
        torch.autograd.grad(x, logits, weights, retain_graph=True)[0]
        for x in (found, wanted)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("per_layer", [False, True])
def test_costs_equal_slow_formulas(per_layer, void):
    target, masks = targets_of(void)
    points = torch.rand(2 if per_layer else 1, 30, 2, dtype=torch.float64)
    features = torch.randn(1, 4, 6, 8, dtype=torch.float64)
    embed = torch.randn(2, 5, 4, dtype=torch.float64)
    columns = GivenPoints(30, [points]).columns(features, target)
    logits = torch.einsum("lqc,lchw->lqhw", embed, features.expand(2, -1, -1, -1))
    valid = None if target.valid is None else target.valid[None]
    costs = [BCECost(), FocalCost(), DiceCost()]
    for layer in range(2):
        places = columns.layer(layer)
        found = embed[layer] @ places.features
        found = [
            x.pairwise(found, found.sigmoid(), places.masks, places.counts)
            for x in costs
        ]
        mine = points[[layer if per_layer else 0]]
        at = [at_points(x, mine.expand(len(x), -1, -1)) for x in (logits[layer], masks)]
        counts = torch.ones(30) if valid is None else at_points(valid, mine)[0]
        for query in range(5):
            for segment in range(3):
                pair = (at[0][query], at[1][segment], counts)
                wanted = [*slow_terms(*pair, True), slow_terms(*pair, False)[0]]
                mask, dice, focal = (x.item() for x in wanted)
                mine_found = [x[query, segment].item() for x in found]
                assert mine_found == pytest.approx([mask, focal, dice], rel=1e-9)


@pytest.mark.parametrize("segments", [[0, 0], [3, 0], [9, 2]])
def test_empty_and_crowded_images_train(segments, monkeypatch):
    monkeypatch.setitem(CHUNK, "cpu", 400)
    case = cases.random_case(segments, num_queries=5)
    predictions = predictions_of(case)
    targets = cases.as_targets(case.targets)
    losses = SetCriterion(masks=PointMasks(50))(predictions, targets)
    masks = losses["loss_mask"] + losses["d0.loss_dice"]
    assert (masks.item() > 0) == (sum(segments) > 0)
    gradients = torch.autograd.grad(sum(losses.values()), predictions[1:3])
    for gradient in gradients:  # every parameter takes part
        assert gradient.isfinite().all()
        assert bool(gradient.any()) == (sum(segments) > 0)


def test_all_void_costs_and_loses_nothing():
    case = cases.random_case([3], size=(21, 30))
    target, _ = targets_of(void=True)
    target.valid = torch.zeros(21, 30, dtype=torch.bool)
    losses = SetCriterion(masks=PointMasks(50))(predictions_of(case), [target])
    for name in ("loss_mask", "d0.loss_mask", "loss_dice", "d0.loss_dice"):
        assert losses[name].item() == 0


class EvenPoints(PointMasks):
    """The same points for every mask."""

    def random_points(self, shape, like):
        line = torch.arange(1, shape[-1] + 1, dtype=like.dtype)
        points = torch.stack([line * 0.618 % 1, line * 0.414 % 1], dim=-1)
        return points.expand(*shape, 2)


@pytest.mark.parametrize("chunk", [1, 150, 100_000])  # a mask, two of them, all
def test_masks_may_be_looked_at_a_few_at_a_time(chunk, monkeypatch):
    target, _ = targets_of(void=True)
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 2, 6, 8, generator=generator, dtype=torch.float64)
    order, terms = torch.tensor([2, 0, 1]), [BCEMaskLoss(), DiceLoss()]
    with monkeypatch.context() as few:
        few.setitem(CHUNK, "cpu", chunk)
        found = EvenPoints(20).losses(logits, order, target, terms)
    wanted = [
        EvenPoints(20).losses(logits[row, layer, None, None], segment, target, terms)
        for row, segment in enumerate(order.split(1))
        for layer in range(2)
    ]
    wanted = torch.cat(wanted, dim=1).view_as(found)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    assert wanted[0].std() > 0.01


def test_numbers_of_the_paper_and_points_everywhere():
    masks = PointMasks()
    assert (masks.num_points, masks.num_candidates, masks.num_chosen) == (
        112 * 112,
        3 * 112 * 112,
        84 * 112,
    )
    torch.manual_seed(0)
    points = masks.random_points((2, 8000), torch.zeros(()))
    assert ((points >= 0) & (points < 1)).all()
    cells = (points * 4).long() @ torch.tensor([4, 1])
    counts = cells.flatten().bincount(minlength=16)
    assert counts.tolist() == pytest.approx([1000] * 16, abs=150)  # 5 sigma


def test_the_seed_decides_the_points():
    case = cases.random_case([4, 3])
    targets = cases.as_targets(case.targets)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        criterion = SetCriterion(masks=PointMasks(50))
        found.append(torch.stack([*criterion(predictions_of(case), targets).values()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(num_points=0), "num_points must be positive, got 0"),
        (dict(oversample_ratio=0.5), "oversample_ratio=0.5"),
        (dict(importance_ratio=1.5), "importance_ratio=1.5"),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PointMasks(**options)
