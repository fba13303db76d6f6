"""Parts of MaskFormer and Mask2Former in any combination, from configs."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.mask_comparison import PointMasks
from tests import reference
from tests.helpers.combinations import (
    COMBINATIONS,
    DEFORMABLE,
    DENSE,
    MASKED,
    POINTS,
    combined_head,
)
from tests.helpers.points import at_points
from tests.helpers.semantic import (
    PIXEL_DECODER,
    SIZE,
    build_head,
    feature_maps,
    labelled_samples,
    network_of,
)

WEIGHTS = reference.Weights(cls=2.0, mask=5.0, dice=5.0, bce=True)


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_parameter_gets_a_finite_gradient(name, void):
    model = combined_head(name).train()
    losses = model.loss(feature_maps(), labelled_samples(void))
    assert all(x.isfinite() for x in losses.values())
    sum(losses.values()).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
    if not void:
        assert all(x.grad.any() for x in model.network.mask_head.parameters())


def fixed_points(shape, like):
    """The same points for every image, layer and mask."""
    points = torch.rand(shape[-1], 2, generator=torch.Generator().manual_seed(0))
    return points.to(like).expand(*shape, 2)


def seen(config, logits, target):
    """Logits (Q, h, w) and the target of one image as they are compared."""
    if config is DENSE:
        return logits, target
    labels, masks = target
    points = fixed_points((1, POINTS["num_points"]), logits)
    found = [at_points(x, points.expand(len(x), -1, -1)) for x in (logits, masks)]
    return found[0][:, None], (labels, found[1][:, None])


@pytest.mark.parametrize("name", COMBINATIONS)
def test_losses_equal_slow_formulas(name, monkeypatch):
    monkeypatch.setattr(PointMasks, "random_points", lambda _, *x: fixed_points(*x))
    model = combined_head(name).eval().double()
    inputs = [x.double() for x in feature_maps()]
    _, _, matched, compared = COMBINATIONS[name]
    with torch.no_grad():
        found = model.loss(inputs, labelled_samples())
        predictions = model(inputs)
    targets = [
        (torch.tensor([2, 4]), x.gt_sem_seg.data == torch.tensor([2, 4])[:, None, None])
        for x in labelled_samples()
    ]
    num_layers = len(predictions.class_logits)
    assert len(found) == 3 * num_layers
    for layer, logits in enumerate(predictions.class_logits):
        views = [
            [
                seen(config, *image)
                for image in zip(predictions.mask_logits(layer), targets, strict=True)
            ]
            for config in (matched, compared)
        ]
        pairs = [
            reference.match(x, *view, WEIGHTS)
            for x, view in zip(logits, views[0], strict=True)
        ]
        wanted = reference.layer_losses(
            logits,
            torch.stack([view[0] for view in views[1]]),
            [view[1] for view in views[1]],
            WEIGHTS,
            pairs=pairs,
        )
        prefix = "" if layer == num_layers - 1 else f"d{layer}."
        weights = dict(loss_cls=2.0, loss_mask=5.0, loss_dice=5.0)
        for key, value in wanted.items():
            expected = pytest.approx(weights[key] * value.item(), rel=1e-6)
            assert found[prefix + key].item() == expected, prefix + key


def test_masked_attention_to_one_map_is_refused():
    """It would be another model than the paper's, of one scale."""
    message = r"attends to several maps, .* set network\.pixel_decoder\.multi_scale_me"
    parts = network_of(pixel_decoder=PIXEL_DECODER, transformer_decoder=MASKED)
    with pytest.raises(ValueError, match=message):
        build_head(**parts)


def test_maps_of_other_widths_are_named():
    parts = network_of(pixel_decoder=DEFORMABLE, transformer_decoder=MASKED)
    model = build_head(**parts)
    maps = [torch.zeros(1, c, SIZE[0] // 4, 4) for c in (8, 16, 32, 48)]
    message = r"widths \[8, 16, 32, 48\], but the head has in_channels=\[8, 16, 32, 64"
    with pytest.raises(ValueError, match=message):
        model(maps)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            dict(criterion=dict(type="SetCriterion", masks="PointMasks")),
            r"'PointMasks' is the name of a part .* write dict\(type='PointMasks'\)\.",
        ),
        (
            network_of(pixel_decoder="FPNPixelDecoder"),
            r"write dict\(type='FPNPixelDecoder'",
        ),
        (dict(in_channels=64), r"decode_head\.in_channels must list .*, got 64; those"),
        (dict(ignore_void="no"), "ignore_void must be True or False, got 'no'"),
    ],
)
def test_names_and_words_in_the_place_of_parts_are_refused(options, message):
    """Otherwise the first fails while training, and the last means True."""
    with pytest.raises(ValueError, match=message):
        build_head(**options)
