"""The segmentor's `test_cfg`: rules, layers, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from tests import reference, reference_variants
from tests.helpers.segmentor import PER_PIXEL, SLIDE, Masks, predict
from tests.helpers.semantic import (
    CASES,
    CLASSES,
    TRANSFORMER_DECODER,
    build_tiled,
    images,
    network_of,
    samples,
)


@pytest.mark.parametrize("rule", ["general", "iterative"])
@torch.no_grad()
def test_the_rule_is_that_of_test_cfg(rule):
    case = dict(size=(64, 96), ori_shape=(50, 70), flip=True, flip_direction="vertical")
    thresholds = dict(object_mask_thr=0.25, iou_thr=0.6)
    config = dict(mode="whole", semantic_rule=rule, **thresholds)
    model = build_tiled(test_cfg=config)
    (sample, _) = predict(model, **case)
    answer = model.decode_head(model.extract_feat(images((64, 96)))).layer()
    class_logits, mask_logits = next(iter(answer.images()))
    masks = reference.resize_bilinear(mask_logits.double(), (64, 96))
    if rule == "iterative":  # of the semantic rule: probabilities are resized
        masks = reference.resize_bilinear(masks.sigmoid(), (50, 70)).flip(-2)
        expected, rounds = reference_variants.iterative_map(
            class_logits, masks, 255, 0.6
        )
        assert rounds > 1
    else:
        masks = reference.resize_bilinear(masks, (50, 70)).sigmoid().flip(-2)
        scores, labels = class_logits.softmax(-1).max(-1)
        kept = ((labels < CLASSES) & (scores > 0.25)).nonzero().flatten()
        assert 3 <= len(kept) < 9
        expected = labels[kept][(scores[kept, None, None] * masks[kept]).argmax(0)]
    same = sample.pred_sem_seg.data[0] == expected
    assert same.double().mean() > 0.9995  # ties of rounding


def test_void_has_the_label_of_the_head():
    rule = dict(mode="whole", semantic_rule="general", object_mask_thr=1.0)
    model = build_tiled(test_cfg=rule, ignore_index=200)
    (sample, _) = predict(model, size=(64, 96))
    assert (sample.pred_sem_seg.data == 200).all()


@pytest.mark.parametrize(
    "mode", [dict(mode="whole"), SLIDE, dict(mode="whole", seg_logits=True)]
)
@torch.no_grad()
def test_the_chosen_layer_answers(mode):
    class TwoLayers(Masks):
        def forward(self, features, valid=None):
            first, last = super().forward(features), super().forward(features)
            return last._replace(
                class_logits=torch.cat(
                    [first.class_logits.roll(1, 2), last.class_logits]
                ),
                mask_embed=torch.cat([-first.mask_embed, last.mask_embed]),
            )

    class FirstLayer(TwoLayers):
        def forward(self, features, valid=None):
            both = super().forward(features)
            return both._replace(
                class_logits=both.class_logits[:1], mask_embed=both.mask_embed[:1]
            )

    case = CASES["padded, resized"]
    for layers in ((0, TwoLayers), (-2, TwoLayers), (-1, FirstLayer)):
        found = predict(
            build_tiled(test_cfg=dict(mode, layer=layers[0])), layers[1], **case
        )
        wanted = predict(build_tiled(test_cfg=mode), FirstLayer, **case)
        other = predict(build_tiled(test_cfg=mode), TwoLayers, **case)
        for a, b, c in zip(found, wanted, other, strict=True):
            assert torch.equal(a.pred_sem_seg.data, b.pred_sem_seg.data)
            assert not torch.equal(a.pred_sem_seg.data, c.pred_sem_seg.data)


@torch.no_grad()
def test_a_layer_that_does_not_exist_is_a_sentence():
    decoder = dict(TRANSFORMER_DECODER, num_layers=2)
    for layer in (2, -3):
        config = dict(mode="whole", layer=layer)
        model = build_tiled(test_cfg=config, **network_of(transformer_decoder=decoder))
        message = f"test_cfg.layer={layer} is none of the model's 2 layers"
        with pytest.raises(ValueError, match=message):
            model.predict(images((64, 96)), samples((64, 96)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            dict(object_mask_threshold=0.3),
            r"\['object_mask_threshold'\].*object_mask_thr",
        ),
        (dict(mode="slides"), "mode='slides' is none of"),
        (dict(semantic_rule="argmax"), "semantic_rule='argmax' is none of"),
        (dict(iou_thr=30), "iou_thr=30 is no share"),
        (dict(iou_thr=True), "iou_thr=True is no share"),
        (dict(SLIDE, stride=(True, 5)), r"stride=\(True, 5\) is needed"),
        (dict(uncertainty="no"), "uncertainty must be True or False, got 'no'"),
        (dict(seg_logits=1), "seg_logits must be True or False, got 1"),
        (dict(object_mask_thr=-0.1), "object_mask_thr=-0.1 is no share"),
        (dict(mode="slide"), r"crop_size=\(0, 0\) is needed by mode='slide'"),
        (dict(SLIDE, crop_size=512), "crop_size=512 is needed .* as height and width"),
        (dict(SLIDE, stride=(25, 0)), r"stride=\(25, 0\) is needed"),
        (dict(SLIDE, stride=(46, 48)), r"stride=\(46, 48\) leaves pixels"),
        (dict(SLIDE, semantic_rule="general"), "mode='slide' needs the scores"),
        (
            dict(uncertainty=True, semantic_rule="iterative"),
            "uncertainty=True needs the scores of classes",
        ),
        (dict(seg_logits=True, uncertainty=True), "seg_logits=True lets the host"),
        (dict(seg_logits=True, semantic_rule="general"), "seg_logits=True needs"),
    ],
)
def test_impossible_options_are_sentences(config, message):
    with pytest.raises(ValueError, match=message):
        build_tiled(test_cfg=config)


@pytest.mark.parametrize("rule", ["general", "iterative"])
def test_a_per_pixel_model_has_no_queries_that_compete(rule):
    with pytest.raises(ValueError, match=f"'{rule}' chooses among queries"):
        build_tiled(test_cfg=dict(semantic_rule=rule), **PER_PIXEL)
    build_tiled(test_cfg=dict(semantic_rule="semantic"), **PER_PIXEL)
