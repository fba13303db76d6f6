"""A model of other classes as a beginning: what is taken of it, and what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.registry import init_default_scope

from mmseg_maskformer.checkpoints.convert import OPENMMLAB, from_ours
from mmseg_maskformer.checkpoints.finetune import begin_with
from tests.checkpoints import models
from tests.helpers.scenes import TINY_HEAD, tiny_config

NETWORK = "decode_head.network"
CLASSIFIER = {f"{NETWORK}.class_head.weight", f"{NETWORK}.class_head.bias"}
QUERIES = f"{NETWORK}.transformer_decoder.query_embed.weight"
PIXELS = TINY_HEAD["network"]["pixel_decoder"]
DECODER = TINY_HEAD["network"]["transformer_decoder"]
AUXILIARY = dict(type="FCNHead", in_channels=32, channels=8, in_index=2, num_convs=1)


def built(num_classes=5, network=None, **changes):
    """A tiny model; with other parts where they are given."""
    init_default_scope("mmseg")
    model = tiny_config(num_classes) | changes
    if network is not None:
        model["decode_head"] = dict(model["decode_head"], network=network)
    return models.MODELS.build(model)


def per_pixel(num_classes, plus=False):
    decoder = dict(DECODER, num_queries=None) if plus else None
    network = dict(
        type="PerPixelBaseline", pixel_decoder=PIXELS, transformer_decoder=decoder
    )
    head = dict(
        TINY_HEAD, num_classes=num_classes, criterion=dict(type="PixelCriterion")
    )
    return built(network=network, decode_head=head)


def with_auxiliary(num_classes):
    head = dict(AUXILIARY, num_classes=num_classes)
    return built(num_classes, auxiliary_head=head)


def with_queries(count):
    decoder = dict(DECODER, num_queries=count)
    return built(network=dict(TINY_HEAD["network"], transformer_decoder=decoder))


def of_depth(depth):
    return built(backbone=dict(tiny_config()["backbone"], depth=depth))


def with_masks(channels):
    pixels = dict(PIXELS, mask_channels=channels)
    return built(network=dict(TINY_HEAD["network"], pixel_decoder=pixels))


def assert_begun(model, source, left, others="", layout=None):
    """All tensors are those of `source`, but `left`, which are as they were drawn."""
    before = copy.deepcopy(models.randomise(model, seed=0).state_dict())
    theirs = models.randomise(source, seed=1).state_dict()
    weights = from_ours(theirs, layout) if layout else dict(theirs)
    found = begin_with(model, weights, others)
    model.load_state_dict(weights, strict=True)
    for name, tensor in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, (before if name in left else theirs)[name]), name
    assert [text.split(" ")[0] for text in found.left] == sorted(
        left, key=[*before].index
    )
    assert not left & set(found.loaded)
    return str(found)


@pytest.mark.parametrize("layout", [None, OPENMMLAB])
def test_another_number_of_classes_leaves_the_classifier_alone(layout):
    said = assert_begun(built(3), built(9), CLASSIFIER, layout=layout)
    theirs = "decode_head.cls_embed.weight " if layout else ""
    # 32 channels, and one row for "no object"
    assert f"\n  {NETWORK}.class_head.weight (4, 32) from {theirs}(10, 32)\n" in said
    # three linear layers of a weight and a bias
    assert f", {NETWORK}.mask_head 6)" in said


def test_the_classifier_of_the_same_classes_is_taken():
    assert_begun(built(), built(), left=set(), others="")


def test_the_classifier_of_as_many_other_classes_is_left():
    said = assert_begun(built(), built(), CLASSIFIER, others="the names differ")
    assert f"{NETWORK}.class_head.bias (6,), as the names differ" in said


def test_another_number_of_queries_leaves_the_queries_alone():
    said = assert_begun(with_queries(3), with_queries(8), {QUERIES})
    assert f"{QUERIES} (3, 32) from (8, 32)" in said


def test_a_classifier_of_pixels_is_left():
    left = {f"{NETWORK}.classifier.{x}" for x in ("weight", "bias")}
    assert_begun(per_pixel(3), per_pixel(9), left)
    assert_begun(per_pixel(3), per_pixel(3), left, others="no names")


def test_queries_that_stand_for_classes_are_left():
    """Those of PerPixelBaseline+ are its classifier; those of MaskFormer are not."""
    assert_begun(per_pixel(3, True), per_pixel(9, True), {QUERIES})
    assert_begun(per_pixel(3, True), per_pixel(3, True), {QUERIES}, others="no names")


def test_classifiers_of_auxiliary_heads_are_left():
    auxiliary = {f"auxiliary_head.conv_seg.{x}" for x in ("weight", "bias")}
    assert_begun(with_auxiliary(3), with_auxiliary(9), CLASSIFIER | auxiliary)
    model = with_auxiliary(3)
    absent = {x for x in model.state_dict() if x.startswith("auxiliary_head.")}
    said = assert_begun(model, built(3), absent)
    assert "auxiliary_head.conv_seg.bias (3,), not in the file" in said


@pytest.mark.mmdet
def test_a_semantic_model_begins_a_panoptic_one():
    pytest.importorskip("mmdet")
    init_default_scope("mmdet")
    settings = tiny_config()
    target = models.MODELS.build(
        dict(
            type="mmseg_maskformer.MaskFormerDetector",
            data_preprocessor=dict(type="DetDataPreprocessor"),
            backbone=dict(settings["backbone"], _scope_="mmseg"),
            decode_head=dict(settings["decode_head"], num_classes=None),
            num_things_classes=1,
            num_stuff_classes=1,
        )
    )
    assert_begun(target, built(), CLASSIFIER)


def of_backbone(model):
    return {x: y for x, y in model.state_dict().items() if x.startswith("backbone.")}


def diverged(model):
    weights = model.state_dict()
    weights[QUERIES][0, 0] = torch.nan
    return weights


REFUSED = {
    "deeper": (
        lambda: (built(), of_depth(34).state_dict()),
        r"tensor\(s\) unknown to the model, backbone\.layer1\.2\.conv1\.weight",
    ),
    "shallower": (
        lambda: (of_depth(34), built().state_dict()),
        r"tensor\(s\) missing in the file, backbone\.layer1\.2\.conv1\.weight",
    ),
    "other classes and wider": (
        lambda: (built(3), with_masks(64).state_dict()),
        r"4 tensor\(s\) of another shape, decode_head\.network\.pixel_decoder\."
        r"mask_conv\.weight \(32, 32, 3, 3\) from \(64, 32, 3, 3\)",
    ),
    "pixels": (
        lambda: (built(), per_pixel(5).state_dict()),
        r"missing in the file, decode_head\.network\.transformer_decoder\.query_emb.*"
        r"2 tensor\(s\) unknown to the model, decode_head\.network\.classifier\.weight",
    ),
    "backbone": (
        lambda: (built(), of_backbone(built())),
        r"tensor\(s\) missing in the file, decode_head.*of a backbone belongs into",
    ),
    "diverged": (
        lambda: (built(), diverged(built())),
        r"^1 tensor\(s\) with numbers that are not finite, decode_head\.network\.tr",
    ),
}


@pytest.mark.parametrize(("pair", "message"), REFUSED.values(), ids=REFUSED)
def test_what_differs_in_more_than_classes_is_a_sentence(pair, message):
    model, weights = pair()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=message) as error:
        begin_with(model, weights)
    assert "Classes and the number of queries may differ, nothing else" in str(
        error.value
    )
    found = model.state_dict()
    assert all(torch.equal(found[name], before[name]) for name in before)
