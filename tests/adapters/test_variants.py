"""The paper's variants from configs: what is built, trained, and refused."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope

from mmseg_maskformer.adapters.build import build_part
from mmseg_maskformer.adapters.options import PredictionOptions
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.per_pixel import PerPixelBaseline
from tests.helpers.semantic import (
    CLASSES,
    SIZE,
    TRANSFORMER_DECODER,
    build_head,
    feature_maps,
    labelled_samples,
    network_of,
)

PER_CLASS = dict(TRANSFORMER_DECODER, num_queries=None)
PIXELS = dict(type="PixelCriterion")
MASKS = dict(
    loss_mask=dict(type="FocalMaskLoss"),
    loss_dice=dict(type="DiceLoss"),
)
BOXES = dict(
    type="SetCriterion",
    loss_bbox=dict(type="BoxL1Loss"),
    loss_giou=dict(type="GIoULoss"),
)
BOX_ASSIGNER = dict(type="HungarianAssigner", costs=[dict(type="BoxL1Cost")])
FIXED = dict(type="SetCriterion", assigner=dict(type="FixedAssigner"))


def pixels(queries):
    """Head options of a network that classifies pixels."""
    return network_of(type="PerPixelBaseline", transformer_decoder=queries)


THREE = ("loss_cls", "loss_mask", "loss_dice")
# head options, the network, its queries, names of the losses of a layer
VARIANTS = {
    "MaskFormer": (dict(), MaskFormer, 9, THREE),
    "without self-attention": (
        network_of(transformer_decoder=dict(TRANSFORMER_DECODER, self_attention=False)),
        *(MaskFormer, 9, THREE),
    ),
    "matched by boxes": (
        network_of(with_boxes=True) | dict(criterion=BOXES),
        *(MaskFormer, 9, (*THREE, "loss_bbox", "loss_giou")),
    ),
    "fixed matching": (
        network_of(transformer_decoder=PER_CLASS) | dict(criterion=FIXED),
        *(MaskFormer, CLASSES, THREE),
    ),
    "baseline": (
        pixels(None) | dict(criterion=PIXELS),
        *(PerPixelBaseline, None, ("loss_ce",)),
    ),
    "baseline+": (
        pixels(PER_CLASS) | dict(criterion=PIXELS),
        *(PerPixelBaseline, CLASSES, ("loss_ce",)),
    ),
    "baseline+ with mask losses": (
        pixels(PER_CLASS) | dict(criterion=dict(PIXELS, weight=0.0, **MASKS)),
        *(PerPixelBaseline, CLASSES, ("loss_mask", "loss_dice")),
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_network_is_that_of_its_type(name):
    options, kind, queries, _ = VARIANTS[name]
    network = build_head(**options).network
    assert type(network) is kind
    decoder = network.transformer_decoder
    found = None if decoder is None else decoder.query_embed.num_embeddings
    assert found == queries
    assert (getattr(network, "box_head", None) is not None) == ("boxes" in name)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_gets_a_gradient(name, void, precision):
    """Also without a labelled pixel: distributed training waits for each of them."""
    options, _, queries, names = VARIANTS[name]
    model = build_head(**options).train()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision != torch.float32):
        losses = model.loss(feature_maps(), labelled_samples(void))
    prefixes = [""] if queries is None else ["", "d0."]
    assert set(losses) == {f"{prefix}{x}" for prefix in prefixes for x in names}
    assert all(x.dtype == torch.float32 for x in losses.values())
    assert all(torch.isfinite(x) for x in losses.values())
    sum(losses.values()).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
    if not void:
        assert max(x.grad.abs().max() for x in model.network.parameters()) > 1e-4


@pytest.mark.parametrize("name", VARIANTS)
def test_low_precision_changes_the_losses_by_its_rounding(name):
    options, _, _, _ = VARIANTS[name]
    model = build_head(**options).eval()
    exact = model.loss(feature_maps(), labelled_samples())
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.loss(feature_maps(), labelled_samples())
    total, wanted = (sum(x.values()).item() for x in (losses, exact))
    assert total == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_step_lowers_the_loss_by_what_the_gradient_promises(name):
    model = build_head(**VARIANTS[name][0]).eval().double()
    inputs = [x.double() for x in feature_maps()]
    parameters = list(model.parameters())
    before = sum(model.loss(inputs, labelled_samples()).values())
    gradients = torch.autograd.grad(before, parameters)
    slope = sum(x.square().sum() for x in gradients)
    promised = 1e-5 * before.item()
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= promised / slope * gradient
        after = sum(model.loss(inputs, labelled_samples()).values())
    # a kink of a ReLU may lie between
    assert before.item() - after.item() == pytest.approx(promised, rel=0.3)


def test_scores_of_a_per_pixel_model_are_its_upsampled_logits():
    model = build_head(**pixels(PER_CLASS), criterion=PIXELS).eval()
    metas = [x.metainfo for x in labelled_samples()]
    with torch.no_grad():
        logits = model(feature_maps()).class_logits()
        found = model.predict(feature_maps(), metas)
        images = model.image_logits(feature_maps(), metas, SIZE)
    labels = [
        model.labels(logits, meta, PredictionOptions())
        for logits, meta in zip(images, metas, strict=True)
    ]
    wanted = torch.nn.functional.interpolate(logits, SIZE, mode="bilinear")
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert (torch.stack(labels) == wanted.argmax(1)).float().mean() > 0.999
    assert len(wanted.argmax(1).unique()) > 1  # the classes can be told apart


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            pixels(PER_CLASS),
            "'SetCriterion' matches .*'PerPixelBaseline' .*type='PixelCriterion', or",
        ),
        (
            dict(criterion=PIXELS),
            "'PixelCriterion' compares .*'MaskFormer' .*type='PerPixelBaseline'",
        ),
        (
            pixels(TRANSFORMER_DECODER) | dict(criterion=PIXELS),
            "num_queries=9 .* must be num_classes=5; set network.transformer_decoder",
        ),
        (
            network_of(transformer_decoder=None),
            "network.transformer_decoder=None gives .*type='PerPixelBaseline'",
        ),
        (dict(network=None), r"network=None is no config; set it to dict\(type="),
        (
            dict(network=dict(type="MaskFormer")),
            "has no pixel decoder; set network.pixel_decoder",
        ),
        (
            dict(criterion=BOXES),
            "criterion.loss_bbox compares boxes, .*; set network.with_boxes=True",
        ),
        (
            dict(criterion=dict(type="SetCriterion", assigner=BOX_ASSIGNER)),
            "criterion.assigner compares boxes, .*; set network.with_boxes=True",
        ),
        (
            network_of(with_boxes=True),
            "with_boxes=True adds a box head, .* set criterion.loss_bbox or",
        ),
        (dict(criterion=FIXED), "9 queries and 5 classes; set network.transformer_de"),
        (
            dict(criterion=dict(PIXELS, weight=0)),
            "weight=0 has no loss",
        ),
    ],
)
def test_parts_that_do_not_fit_are_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        build_head(**options)


def test_other_queries_than_classes_stay_possible_with_none_absent():
    bare = {x: y for x, y in TRANSFORMER_DECODER.items() if x != "num_queries"}
    model = build_head(**network_of(transformer_decoder=bare))
    assert model.network.transformer_decoder.query_embed.num_embeddings == 100


@pytest.mark.mmdet
def test_the_detector_refuses_per_pixel_models():
    pytest.importorskip("mmdet")
    from mmdet.registry import MODELS as DETECTORS

    init_default_scope("mmdet")
    config = dict(
        type="mmseg_maskformer.MaskFormerDetector",
        backbone=dict(type="ResNet", depth=18),
        decode_head=dict(
            in_channels=[64, 128, 256, 512], **pixels(None), criterion=PIXELS
        ),
        num_things_classes=3,
        num_stuff_classes=2,
    )
    with pytest.raises(ValueError, match="of segments, and network.type='PerPixelBas"):
        DETECTORS.build(config)


@pytest.mark.parametrize("loss", ["loss_bbox", "loss_giou"])
def test_boxes_train_the_queries(loss):
    model = build_head(**network_of(with_boxes=True), criterion=BOXES)
    losses = model.loss(feature_maps(), labelled_samples())
    queries = model.network.transformer_decoder.query_embed.weight
    (gradient,) = torch.autograd.grad(losses[loss], queries)
    assert gradient.abs().max() > 1e-4
    boxes = model(feature_maps()).boxes
    assert boxes.shape == (2, 2, 9, 4)
    assert 0 < boxes.min() < boxes.max() < 1


def test_masks_are_matched_and_trained_where_the_config_says():
    criterion = build_part(
        dict(
            type="SetCriterion",
            assigner=dict(type="HungarianAssigner", masks=dict(type="DenseMasks")),
            masks=dict(type="PointMasks", num_points=12, importance_ratio=0.5),
        )
    )
    assert isinstance(criterion.assigner.masks, DenseMasks)
    assert isinstance(criterion.masks, PointMasks)
    numbers = vars(criterion.masks)
    assert (numbers["num_candidates"], numbers["num_chosen"]) == (36, 6)
