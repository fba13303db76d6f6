"""What the semantic head and its segmentor refuse: configs, features, label maps."""

from __future__ import annotations

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS

from mmseg_maskformer.adapters.geometry import input_size
from tests.helpers.scenes import tiny_config
from tests.helpers.semantic import (
    CLASSES,
    PIXEL_DECODER,
    TRANSFORMER_DECODER,
    build,
    build_tiled,
    images,
    label_maps,
    network_of,
    samples,
)
from tests.helpers.vit import PYRAMID, VIT


def test_label_that_is_no_class_names_image_values_and_remedies():
    labels = label_maps((64, 96))
    labels[1, 3, 4] = 5
    labels[1, 3, 5] = 77
    with pytest.raises(ValueError) as error:
        batch = samples((64, 96), labels=labels)
        batch[1].set_metainfo(dict(seg_map_path="labels_1.png"))
        build().loss(images((64, 96)), batch)
    name = "street_1.png (labels_1.png) holds"
    for part in (name, "5, 77", "num_classes=5", "reduce_zero_label of the data sets"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(num_classes=0), "num_classes must be positive, got 0"),
        (dict(num_classes=-3), "num_classes must be positive, got -3"),
        (dict(num_classes=1), "use 2 classes, background and foreground"),
        (dict(num_classes=847), "ignore_index=255 is one of the num_classes=847"),
        (dict(ignore_index=3), "ignore_index=3 is one of the num_classes=5"),
        (dict(in_channels=[]), "in_channels must list"),
        (network_of(pixel_decoder=dict(type="FPN")), "No part is registered as 'FPN'"),
        (
            network_of(transformer_decoder=dict(num_queries=20)),
            "{'num_queries': 20} names no part: it has no type.*TransformerDecoder",
        ),
        (
            dict(criterion=dict(type="SetCriterion", loss_cls=dict(weight=2.0))),
            "{'weight': 2.0} names no part: it has no type.*ClassificationLoss",
        ),
        (
            network_of(pixel_decoder={**PIXEL_DECODER, "out_channels": 18}),
            "out_channels=18 must be divisible by num_groups=4",
        ),
        (
            network_of(pixel_decoder={**PIXEL_DECODER, "in_channels": [8, 16, 32, 64]}),
            r"takes \['in_channels'\] from the head",
        ),
        (
            network_of(transformer_decoder={**TRANSFORMER_DECODER, "num_queries": -1}),
            "num_queries must be positive, got -1",
        ),
        (
            network_of(transformer_decoder={**TRANSFORMER_DECODER, "num_heads": 5}),
            "embed_dim=16 must be divisible by num_heads=5",
        ),
        (
            network_of(transformer_decoder={**TRANSFORMER_DECODER, "layers": 3}),
            "TransformerDecoder cannot be built",
        ),
        (
            dict(
                criterion=dict(
                    type="SetCriterion",
                    loss_cls=dict(
                        type="ClassificationLoss", no_object_weight=[1.0] * 5
                    ),
                )
            ),
            "no_object_weight must be a number >= 0",
        ),
    ],
)
def test_config_mistakes_are_sentences(change, message):
    with pytest.raises((ValueError, KeyError, TypeError), match=message):
        build(**change)


def test_features_of_another_stride_are_refused():
    with pytest.raises(ValueError, match=r"\(8, 12\) cells.*\(64, 96\).*stride 4"):
        input_size(dict(img_shape=(64, 96)), (8, 12), 4)


def test_label_map_of_another_size_names_the_image():
    labels = label_maps((128, 40))
    with pytest.raises(ValueError, match=r"street_0.png has \(128, 40\) pixels"):
        build().loss(images((64, 96)), samples((64, 96), labels=labels))


def test_a_plain_vit_is_trained_behind_a_neck_and_refused_without():
    def loss(**neck):
        widths = dict(in_channels=[24] * 4)
        config = tiny_config(decode_head=widths, **neck) | dict(backbone=VIT)
        init_default_scope("mmseg")
        model = MODELS.build(config).train()
        batch = samples((64, 96), labels=label_maps((64, 96)))
        return model, model.loss(images((64, 96)), batch)

    message = (
        r"^The backbone's finest map, \(4, 6\), is too coarse .*street_0.* stride 4"
    )
    with pytest.raises(ValueError, match=message):
        loss()
    model, losses = loss(neck=PYRAMID)
    sum(losses.values()).backward()
    first = next(model.backbone.parameters())
    assert 0 < first.grad.abs().sum().item() < float("inf")


def test_colour_map_names_the_image_and_the_remedy():
    batch = samples((64, 96), labels=label_maps((64, 96)))
    batch[1].gt_sem_seg = PixelData(
        data=label_maps((64, 96))[0, :, :, None].expand(-1, -1, 3)
    )
    message = r"street_1.png has shape \(64, 96, 3\); .* Convert colour maps to class"
    with pytest.raises(ValueError, match=message):
        build().loss(images((64, 96)), batch)


def test_missing_label_map_names_the_image():
    batch = samples((64, 96), labels=label_maps((64, 96)))
    del batch[1].gt_sem_seg
    with pytest.raises(ValueError, match=r"street_1.png has no label map\. Set data"):
        build().loss(images((64, 96)), batch)


def test_label_maps_of_unequal_size_name_the_image():
    batch = samples((64, 96), labels=label_maps((64, 96)))
    batch[1].gt_sem_seg = PixelData(data=label_maps((64, 95))[:1])
    with pytest.raises(ValueError, match=r"street_1.png has \(64, 95\) pixels"):
        build().loss(images((64, 96)), batch)


def test_padding_that_is_a_class_is_refused():
    preprocessor = dict(type="SegDataPreProcessor", size_divisor=32, seg_pad_val=255)
    head = dict(num_classes=300, ignore_index=65535)
    with pytest.raises(ValueError, match="seg_pad_val=255 is a class.*65535"):
        build_tiled(data_preprocessor=preprocessor, **head)
    build_tiled(data_preprocessor=dict(preprocessor, seg_pad_val=65535), **head)


def test_segmentor_refuses_other_heads():
    init_default_scope("mmseg")
    head = dict(type="FCNHead", in_channels=64, channels=8, num_classes=CLASSES)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)
    config = dict(backbone=backbone, decode_head=head, test_cfg=dict(mode="whole"))
    with pytest.raises(ValueError, match="got FCNHead; use EncoderDecoder"):
        MODELS.build(dict(type="mmseg_maskformer.MaskFormerSegmentor", **config))


def test_warnings_of_the_core_reach_the_log_of_the_run(tmp_path):
    path = tmp_path / "run.log"
    MMLogger.get_instance("warnings_of_the_core", log_file=str(path))
    model = build(
        **network_of(transformer_decoder={**TRANSFORMER_DECODER, "num_queries": 2})
    )
    labels = label_maps((64, 96))  # all five classes in both images
    model.loss(images((64, 96)), samples((64, 96), labels=labels))
    assert "street_0.png has 5 segments but the model has 2" in path.read_text()


def test_backbone_of_other_widths_is_named():
    model = build(in_channels=[8, 16, 32, 128])
    with pytest.raises(ValueError, match=r"\[8, 16, 32, 64\].*in_channels"):
        model.predict(images((64, 96)), samples((64, 96)))
