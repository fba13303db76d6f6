"""What a row says about its config, and by what it is scored."""

from __future__ import annotations

import copy

import pytest
from mmengine.config import Config

from comparison import config as settings
from comparison.description import crop_size, describe_config, fixed_size
from comparison.kinds import (
    INSTANCE,
    PANOPTIC,
    complete_evaluators,
    kind_of,
)
from tests.conftest import REPOSITORY
from tests.helpers.host_configs import host_config

CONFIGS = REPOSITORY / "configs"
DEMO = CONFIGS / "demo/maskformer_tiny_scenes.py"


def read(name):
    return settings.comparable_config(str(CONFIGS / f"{name}.py"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (DEMO, ("MaskFormer", "ResNet-18 (16 channels)", (128, 128), 4, 1500)),
        (
            CONFIGS / "maskformer/maskformer_r101_8xb2-90k_cityscapes-512x1024.py",
            ("MaskFormer", "ResNet-101", (512, 1024), 2, 90_000),
        ),
        (
            host_config("mmseg", "pspnet/pspnet_r50-d8_4xb4-160k_ade20k-512x512.py"),
            ("PSPNet", "ResNetV1c-50", (512, 512), 4, 160_000),
        ),
        (
            host_config(
                "mmseg", "maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py"
            ),
            ("MaskFormer (mmseg)", "ResNet-50", (512, 512), 2, 160_000),
        ),
        (
            host_config(
                "mmseg",
                "deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-769x769.py",
            ),
            ("DeepLabV3+", "ResNetV1c-18", (769, 769), 2, 80_000),
        ),
    ],
    ids=lambda x: getattr(x, "stem", ""),
)
def test_config_is_described(path, expected):
    found = describe_config(settings.comparable_config(str(path)))
    assert found == (path.stem, *expected)


OURS = "mmseg_maskformer.MaskFormerHead"
PIXELS = dict(type="PerPixelBaseline")
MASKED = "MaskedTransformerDecoder"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (dict(type=OURS), "MaskFormer"),
        (
            dict(type=OURS, criterion=dict(assigner=dict(type="FixedAssigner"))),
            "MaskFormer-fixed",
        ),
        (
            dict(type=OURS, network=dict(PIXELS, transformer_decoder={})),
            "PerPixelBaseline+",
        ),
        (
            dict(type=OURS, network=dict(PIXELS, transformer_decoder=None)),
            "PerPixelBaseline",
        ),
        (
            dict(type=OURS, network=dict(transformer_decoder=dict(type=MASKED))),
            "Mask2Former",
        ),
        (dict(type="UPerHead"), "UperNet"),
        (dict(type="SETRUPHead"), "SETRUP"),
    ],
)
def test_method_of_a_head(head, expected):
    config = read("demo/maskformer_tiny_scenes")
    config.model.decode_head = head
    assert describe_config(config).method == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swin-t_8xb2-160k_ade20k-512x512", "Swin-T"),
        ("swin-s_8xb2-160k_ade20k-512x512", "Swin-S"),
        ("swin-b-in22k_8xb2-160k_ade20k-640x640", "Swin-B"),
        ("swin-l-in22k_8xb2-160k_ade20k-640x640", "Swin-L"),
    ],
)
def test_sizes_of_swin_have_the_papers_letters(name, expected):
    config = read(f"maskformer/maskformer_{name}")
    assert describe_config(config).backbone == expected
    config.model.backbone.depths = (2, 2, 4, 2)
    assert describe_config(config).backbone == (
        f"Swin-{config.model.backbone.embed_dims}-4"
    )


def test_crop_of_an_overridden_scene_is_that_of_the_data_set():
    overrides = {"train_dataloader.dataset.scene.size": (64, 96)}
    config = settings.comparable_config(str(DEMO), overrides)
    assert crop_size(config) == (64, 96)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("8xb2-lsj-50e_coco-instance", (1024, 1024)),
        ("8xb2-90k_cityscapes-instance-512x1024", (512, 1024)),
        ("8xb2-90k_cityscapes-panoptic-512x1024", (512, 1024)),  # MMDetection's crop
    ],
)
def test_heights_and_widths_of_mask2formers_augmentations_are_known(name, size):
    assert crop_size(read(f"mask2former/mask2former_r50_{name}")) == size


@pytest.mark.parametrize(
    ("scope", "step", "size"),
    [
        ("mmseg", dict(type="RandomCrop", crop_size=(64, 96)), (64, 96)),
        ("mmseg", dict(type="RandomCrop", crop_size=64), (64, 64)),
        ("mmdet", dict(type="RandomCrop", crop_size=(96, 64)), (64, 96)),
        ("mmdet", dict(type="mmseg.RandomCrop", crop_size=(64, 96)), (64, 96)),
        (
            "mmdet",
            dict(type="RandomCrop", crop_size=(64, 96), crop_type="absolute_range"),
            None,
        ),
    ],
)
def test_the_order_of_a_crops_sides_is_that_of_its_host(scope, step, size):
    data = dict(dataset=dict(pipeline=[step, dict(type="RandomFlip")]))
    config = dict(default_scope=scope, train_dataloader=data, model=dict())
    assert fixed_size(Config(config)) == size


def test_the_size_of_wrapped_and_joined_data_sets_is_that_of_the_first():
    first, second = (
        dict(pipeline=[dict(type="RandomCrop", crop_size=size)]) for size in (64, 96)
    )
    joined = dict(type="ConcatDataset", datasets=[first, second])
    wrapped = dict(type="RepeatDataset", times=2, dataset=joined)
    data = dict(dataset=wrapped)
    assert crop_size(Config(dict(train_dataloader=data, model=dict()))) == (64, 64)


def test_a_config_without_a_size_is_a_sentence():
    config = read("demo/maskformer_tiny_scenes")
    config.train_dataloader.dataset.scene.pop("size")
    with pytest.raises(ValueError, match="neither by RandomCrop"):
        crop_size(config)


NUCLEI = "_r18-6enc_1xb4-5k_dsb2018"


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        (
            CONFIGS / f"maskformer/maskformer{NUCLEI}-panoptic.py",
            "panoptic",
            ("MaskFormer", "ResNet-18 (32 channels)", (256, 256), 4, 5000),
        ),
        (
            CONFIGS / f"peers/mmdet-maskformer{NUCLEI}-panoptic.py",
            "panoptic",
            ("MaskFormer (mmdet)", "ResNet-18 (32 channels)", (256, 256), 4, 5000),
        ),
        (
            CONFIGS / f"maskformer/maskformer{NUCLEI}-instance.py",
            "instance",
            ("MaskFormer", "ResNet-18 (32 channels)", (256, 256), 4, 5000),
        ),
        (
            CONFIGS / "maskformer/maskformer_r50-6enc_64xb1-554k_coco-panoptic.py",
            "panoptic",
            ("MaskFormer", "ResNet-50", None, 1, 554_400),  # sizes vary
        ),
    ],
    ids=lambda x: getattr(x, "stem", ""),
)
def test_configs_of_detectors_are_described(path, kind, expected):
    check_detector(path, kind, expected)


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        (
            "maskformer/maskformer_r50_ms-16xb1-75e_coco.py",
            "panoptic",
            ("MaskFormer (mmdet)", "ResNet-50", None, 1, None),  # 75 epochs
        ),
        (
            "mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py",
            "instance",
            ("MaskRCNN (mmdet)", "ResNet-50", None, 2, None),
        ),
    ],
)
def test_configs_of_mmdet_are_described(name, kind, expected):
    check_detector(host_config("mmdet", name), kind, expected)


def check_detector(path, kind, expected):
    config = settings.comparable_config(str(path), training=False)
    assert kind_of(config).name == kind
    assert describe_config(config) == (path.stem, *expected)
    given = config.val_evaluator
    given = given if isinstance(given, list) else [given]
    assert complete_evaluators(config) == given
    reason = "views are averaged for label maps only"
    assert settings.no_multi_scale(config) == reason


def test_results_of_both_hosts_metrics_are_read():
    ours = {"PQ": 40.5, "RQ_Th": 50.0, "SQ_St": 60.0, "mAcc": 3.0}
    assert PANOPTIC.read(ours) == dict(pq=40.5, rq_th=50.0, sq_st=60.0)
    host = {"coco_panoptic/PQ": 41.0, "coco_panoptic/PQ_th": 0.0}
    assert PANOPTIC.read(host) == dict(pq=41.0, pq_th=0.0)
    masks = {"coco/segm_mAP_50": 0.875, "coco/segm_mAP_l": -1, "coco/bbox_mAP": 0.5}
    assert INSTANCE.read(masks) == dict(ap50=87.5)  # -1: no object of the size


def test_a_config_that_is_neither_kind_is_an_error():
    changes = {"val_evaluator.0.metric": "bbox"}
    path = str(CONFIGS / f"maskformer/maskformer{NUCLEI}-instance.py")
    message = r"cannot be compared.*'mmdet' and evaluates \['CocoMetric'\]"
    with pytest.raises(ValueError, match=message):
        settings.comparable_config(path, changes)


def test_segments_are_evaluated_beside_the_classes():
    config = read("demo/maskformer_tiny_scenes")
    config.val_evaluator.ignore_index = 200
    expected = dict(type="mmseg_maskformer.PanopticQuality", ignore_index=200)
    given = copy.deepcopy(config.val_evaluator)
    assert complete_evaluators(config) == [given, expected]
    config.val_evaluator = [given, expected]
    assert complete_evaluators(config) == [given, expected]


def test_a_config_that_does_not_score_labels_is_a_sentence():
    config = read("demo/maskformer_tiny_scenes")
    config.val_evaluator = dict(type="DepthMetric")
    with pytest.raises(ValueError, match=r"has no IoUMetric .*'DepthMetric'"):
        complete_evaluators(config)


def test_a_config_without_evaluators_is_a_sentence():
    config = read("demo/maskformer_tiny_scenes")
    config.val_evaluator = None
    with pytest.raises(ValueError, match="has no IoUMetric"):
        complete_evaluators(config)
