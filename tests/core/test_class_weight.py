"""Weights of classes in the losses of queries and of pixels."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.pixel_criterion import PixelCriterion, pixel_cross_entropy

WEIGHTS = [3.0, 0.5]


def test_queries_in_closed_form():
    # classes 0 and 1 and no object, each with logits (0, 0, log 2): p = 1/4, 1/4, 1/2
    logits = torch.tensor([0.0, 0.0, math.log(2)]).expand(1, 1, 3, 3)
    loss = ClassificationLoss(no_object_weight=0.1, class_weight=WEIGHTS)
    found = loss(logits, torch.tensor([[[0, 1, 2]]]))
    # (3 log 4 + 0.5 log 4 + 0.1 log 2) / (3 + 0.5 + 0.1)
    assert found.item() == pytest.approx((7.1 * math.log(2)) / 3.6)


def test_queries_equal_the_weighted_mean_of_torch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 3, generator=generator, dtype=torch.float64)
    logits.requires_grad_()
    labels = torch.randint(3, (2, 3, 5), generator=generator)
    loss = ClassificationLoss(no_object_weight=0.2, class_weight=WEIGHTS)
    given = torch.tensor([*WEIGHTS, 0.2], dtype=torch.float64)
    wanted = [
        F.cross_entropy(logits[layer].flatten(0, 1), labels[layer].flatten(), given)
        for layer in range(2)
    ]
    found = loss(logits, labels)
    torch.testing.assert_close(found, torch.stack(wanted))
    (ours,), (torchs,) = (
        torch.autograd.grad(x, logits) for x in (found.sum(), sum(wanted))
    )
    torch.testing.assert_close(ours, torchs)


def test_matching_knows_no_weights_of_classes():
    costs = [ClassificationLoss(class_weight=w).match_cost() for w in (None, WEIGHTS)]
    logits, labels = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([0, 1])
    torch.testing.assert_close(*(x.pairwise(logits, labels) for x in costs))


@pytest.mark.parametrize("tile", [1, 10**7])
def test_pixels_equal_the_weighted_mean_of_torch(tile, set_tile):
    set_tile(tile)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 2, 4, 5, generator=generator, dtype=torch.float64)
    logits.requires_grad_()
    labels = torch.randint(-1, 2, (2, 8, 10), generator=generator)
    given = torch.tensor(WEIGHTS)
    large = F.interpolate(logits, (8, 10), mode="bilinear", align_corners=False)
    wanted = F.cross_entropy(large, labels, given.double(), ignore_index=-1)
    found = pixel_cross_entropy(logits, labels, given)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    ours, torchs = (torch.autograd.grad(x, logits)[0] for x in (found, wanted))
    assert (ours - torchs).abs().max() < 5e-6 * torchs.abs().max()


@pytest.mark.parametrize("build", [ClassificationLoss, PixelCriterion])
@pytest.mark.parametrize("wrong", [2.0, [], [0.0, 0.0], [1.0, -1.0], [1.0, math.nan]])
def test_what_is_no_list_of_weights_is_refused(build, wrong):
    with pytest.raises(ValueError, match="class_weight must be a list of numbers >= 0"):
        build(class_weight=wrong)


@pytest.mark.parametrize(
    ("kind", "criterion", "key"),
    [
        (
            "MaskFormer",
            dict(
                type="SetCriterion",
                loss_cls=dict(type="ClassificationLoss", class_weight=WEIGHTS),
            ),
            "loss_cls.class_weight",
        ),
        (
            "PerPixelBaseline",
            dict(type="PixelCriterion", class_weight=WEIGHTS),
            "criterion.class_weight",
        ),
    ],
)
def test_there_are_as_many_as_classes(kind, criterion, key):
    sizes = dict(
        in_channels=[4, 4, 4, 4],
        network=dict(
            type=kind,
            pixel_decoder=dict(
                type="FPNPixelDecoder", out_channels=8, mask_channels=8, num_groups=2
            ),
            transformer_decoder=dict(
                type="TransformerDecoder",
                **dict(
                    num_queries=None, num_layers=1, embed_dim=8, num_heads=2, ffn_dim=8
                ),
            ),
        ),
    )
    built = PredictionHead(num_classes=2, criterion=criterion, **sizes)
    assert not [x for x in built.state_dict() if "class_weight" in x]  # no weight of it
    message = rf"{key} has 2 numbers, but the model has 3 classes; give one for each"
    with pytest.raises(ValueError, match=message):
        PredictionHead(num_classes=3, criterion=criterion, **sizes)
