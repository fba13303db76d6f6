"""Parts, maps and predictions that do not fit each other: what the errors say."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.assigners import HungarianAssigner
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.deformable import MSDeformAttnPixelDecoder
from mmseg_maskformer.core.deformable_encoder import DeformableEncoder
from mmseg_maskformer.core.losses import DiceLoss
from mmseg_maskformer.core.mask_comparison import PointMasks
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.match_costs import DiceCost
from mmseg_maskformer.core.pixel_criterion import PixelCriterion
from mmseg_maskformer.core.pixel_decoders import FPNPixelDecoder
from mmseg_maskformer.core.structures import PixelFeatures
from tests import cases
from tests.helpers.points import predictions_of

WIDE = dict(embed_dim=32, num_heads=4, ffn_dim=16, num_layers=2)


def masked(memory_channels=(32, 32, 32), **options):
    return MaskedTransformerDecoder(memory_channels, **(WIDE | options))


def encoder(**options):
    return DeformableEncoder(**(WIDE | dict(num_levels=3, num_points=2) | options))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: masked([]), r"memory_channels must .* at least 1 map\(s\), got \[\];"),
        (lambda: masked([32, 0]), r"memory_channels must .*, got \[32, 0\]; thos"),
        (lambda: TransformerDecoder([]), "memory_channels must list the positive"),
        (lambda: masked(256), "memory_channels must .*, got 256; those of ResNet-50's"),
        (
            lambda: masked(cross_first="no"),
            "cross_first must be True or False, got 'no'",
        ),
        (
            lambda: FPNPixelDecoder([8], multi_scale_memory=1),
            "multi_scale_memory must be True or False, got 1",
        ),
        (lambda: masked(num_heads=5), "embed_dim=32 must be divisible by num_heads=5"),
        (lambda: masked(num_queries=7.0), "num_queries must be a whole number, got 7"),
        (lambda: masked(num_layers=True), "num_layers must be a whole number, got T"),
        (lambda: masked([True]), r"memory_channels must .*, got \[True\]; those"),
        (lambda: DiceLoss(smooth=True), "smooth must be positive, got True"),
        (lambda: DiceLoss(weight=True), "weight must be a number >= 0, got True"),
        (lambda: masked(num_layers=0), "num_layers must be positive, got 0"),
        (lambda: encoder(num_levels=0, dropout=0), "num_levels must be positive, got"),
        (lambda: MSDeformAttnPixelDecoder([8, 16, 2.5]), r"positive widths of at lea"),
        (lambda: PointMasks(12.5), "num_points must be a whole number, got 12.5"),
        (lambda: PointMasks(-4), "num_points must be positive, got -4"),
        (lambda: PointMasks(oversample_ratio=float("nan")), "e_ratio must be a number"),
        (lambda: PointMasks(oversample_ratio=float("inf")), "oversample_ratio=inf and"),
        (lambda: PointMasks(importance_ratio="0.5"), "must be a number >= 0, got '0."),
    ],
)
def test_numbers_that_cannot_be_are_refused_when_parts_are_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: SetCriterion(loss_dice=torch.nn.BCELoss()),
            "criterion.loss_dice must be of the kind MaskLoss: FocalMaskLoss, "
            "BCEMaskLoss, DiceLoss or your own (docs/architecture.md#a-loss-of-your-own"
            "), got torch.nn.modules.loss.BCELoss.",
        ),
        (
            lambda: SetCriterion(loss_cls=DiceLoss()),
            "n.loss_cls must be of the kind Cl",
        ),
        (
            lambda: SetCriterion(loss_giou=DiceLoss()),
            "loss_giou must be of the kind Box",
        ),
        (
            lambda: SetCriterion(assigner=3),
            "assigner must be of the kind Assigner: Hun",
        ),
        (
            lambda: SetCriterion(masks=7),
            "masks must be of the kind MaskComparison: Den",
        ),
        (lambda: PixelCriterion(loss_mask=3), "loss_mask must be of the kind MaskLoss"),
        (
            lambda: HungarianAssigner(masks=3),
            "assigner.masks must be of the kind MaskComparison: DenseMasks, PointMasks",
        ),
        (
            lambda: HungarianAssigner([DiceCost(), DiceLoss()]),
            "assigner.costs[1] must be a match cost, of this package or one that is ca"
            "lled as cost(pred_instances, gt_instances), got mmseg_maskformer.core.los"
            "ses.DiceLoss: losses stand in the criterion, and bring their costs along.",
        ),
        (lambda: HungarianAssigner([]), "costs=[] leaves nothing to match by"),
    ],
)
def test_parts_of_another_kind_are_refused_by_key_and_type(build, message):
    with pytest.raises(ValueError) as error:
        build()
    assert message in str(error.value)


def pixels(widths, sizes):
    memories = [torch.zeros(1, c, *s) for c, s in zip(widths, sizes, strict=True)]
    return PixelFeatures(torch.zeros(1, 8, 8, 8), tuple(memories))


SIZES = ((2, 2), (4, 4), (8, 8))


@pytest.mark.parametrize(
    ("build", "given", "message"),
    [
        (masked, pixels([32, 32], SIZES[1:]), r"of \[32, 32\] .*=\[32, 32, 32\]: they"),
        (masked, pixels([32, 1, 32], SIZES), r"\[32, 1, 32\] channels, but the transf"),
        (masked, pixels([32] * 3, SIZES[::-1]), r"of \[\(8, 8\), .* coarse to fine\."),
        (
            lambda: TransformerDecoder([32], **WIDE),
            pixels([16], SIZES[:1]),
            r"memories of \[16\] channels, .* with memory_channels=\[32\]: they must",
        ),
    ],
)
def test_memories_are_those_that_a_decoder_was_built_for(build, given, message):
    with pytest.raises(ValueError, match=message):
        build()(given, torch.nn.Linear(32, 8))


def test_maps_are_those_that_a_pixel_decoder_was_built_for():
    maps = [torch.zeros(1, c, *s) for c, s in ((8, (8, 8)), (16, (4, 4)))]
    options = dict(out_channels=32, mask_channels=8)
    for given in (maps[1:], [maps[0], *maps], maps[::-1]):
        widths = [x.shape[1] for x in given]
        message = f"maps have {widths} channels, but in_channels is [8, 16]: they must"
        with pytest.raises(ValueError) as error:
            FPNPixelDecoder([8, 16], **options)(given)
        assert message in str(error.value)
    with pytest.raises(ValueError, match=r"has num_levels=3, but was given 2 map\(s\)"):
        encoder(dropout=0.0)(maps)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda x: x[0], r"\(2, 6, 8, 10\)"),  # the dimension of layers is missing
        (lambda x: x[:, :1], r"\(1, 1, 6, 8, 10\)"),
        (lambda x: x.expand(3, -1, -1, -1, -1), r"\(3, 2, 6, 8, 10\)"),
        (lambda x: x[:, :, :5], r"\(1, 2, 5, 8, 10\)"),
    ],
)
def test_mask_features_have_layers_images_and_channels(change, found):
    """Whoever looks at them: inference, the matching, the losses."""
    case = cases.random_case([2, 1], num_layers=2)
    predictions = predictions_of(case)
    wrong = predictions._replace(mask_features=change(predictions.mask_features))
    targets = cases.as_targets(case.targets)
    message = (
        rf"mask_features of shape {found} must be \(L or 1, B, C, h, w\) with L, B, C "
        r"= \(2, 2, 6\) as in mask_embed\. .*give mask_features\[None\]\."
    )
    for look in (wrong.layer, lambda: SetCriterion()(wrong, targets)):
        with pytest.raises(ValueError, match=message):
            look()


def test_every_image_has_its_target():
    """Without one its queries would be taught that there is nothing."""
    case = cases.random_case([2, 1])
    with pytest.raises(ValueError, match=r"targets of 1 image\(s\) for predictions of"):
        SetCriterion()(predictions_of(case), cases.as_targets(case.targets[:1]))
