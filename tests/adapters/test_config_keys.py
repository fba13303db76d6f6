"""Keys of both hosts' models: where they stand, and what is refused."""

from __future__ import annotations

import pytest

from mmseg_maskformer.adapters.config_keys import detector_head, refuse_unknown
from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.adapters.semantic import MaskFormerHead

HEAD = dict(in_channels=[8, 16], network=dict(type="MaskFormer"))


@pytest.mark.parametrize(
    "shared",
    [
        dict(),
        dict(type="mmseg_maskformer.MaskFormerHead", num_classes=5),
        dict(num_classes=None),
        dict(type=MaskFormerHead),  # of a config in Python style
    ],
)
def test_a_detector_takes_the_head_of_a_semantic_model(shared):
    assert detector_head(HEAD | shared, 5) == HEAD


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (None, r"decode_head=None is no head; set it to dict\(in_channels="),
        ([HEAD], "is no head; set it to"),
        (HEAD | dict(type="MaskFormerHead"), "type='MaskFormerHead' is none of a Mask"),
        (
            HEAD | dict(num_classes=150),
            r"num_classes=150, but num_things_classes \+ num_stuff_classes = 5; remove",
        ),
        (HEAD | dict(ignore_index=255), "ignore_index=255 is a setting of MaskFormerS"),
    ],
)
def test_a_head_that_contradicts_the_detector_is_refused(head, message):
    with pytest.raises(ValueError, match=message):
        detector_head(head, 5)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("in_channels", "decode_head.in_channels"),
        ("mask_padding", "decode_head.mask_padding"),
        ("criterion", "decode_head.criterion"),
        ("pixel_decoder", "decode_head.network.pixel_decoder"),
        ("transformer_decoder", "decode_head.network.transformer_decoder"),
    ],
)
def test_a_key_of_version_0_1_is_told_its_place(key, place):
    with pytest.raises(ValueError, match=rf"model has no {key};.* is model\.{place}\."):
        refuse_unknown({key: None}, "model")


def test_keys_of_a_head_are_looked_at():
    decoder = dict(transformer_decoder=dict(num_queries=50))
    with pytest.raises(ValueError, match=r"it is model\.decode_head\.network\.trans"):
        PredictionHead([8, 16], 5, **decoder)
    with pytest.raises(TypeError, match=r"decode_head has no \['queries'\]; correct"):
        PredictionHead([8, 16], 5, queries=50)


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(transformer_decoder={}), r"is model\.decode_head\.network\.transformer_"),
        (
            dict(decode_head=dict(num_classes=9)),
            "num_classes=9, but num_things_classes",
        ),
    ],
)
def test_keys_of_a_detector_are_looked_at(options, message):
    pytest.importorskip("mmdet")
    from mmseg_maskformer.adapters.panoptic import MaskFormerDetector

    kinds = dict(num_things_classes=3, num_stuff_classes=2)
    with pytest.raises(ValueError, match=message):
        MaskFormerDetector(dict(type="ResNet", depth=18), **kinds, **options)
