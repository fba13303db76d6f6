"""Batches of images of different sizes, and networks of half precision."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS as HOST
from mmseg.structures import SegDataSample

from mmseg_maskformer.adapters.head import backbone_maps, channels_first
from mmseg_maskformer.adapters.tta import MaskFormerTTA
from mmseg_maskformer.core.structures import Predictions
from tests.helpers.segmentor import centred
from tests.helpers.semantic import HEAD, build_tiled

SIZES = [(64, 96), (50, 70), (64, 96), (37, 130)]
PREPROCESSOR = dict(
    type="SegDataPreProcessor",
    mean=[120.0] * 3,
    std=[60.0] * 3,
    test_cfg=dict(size_divisor=32),
)
SCORES = dict(mode="whole", uncertainty=True)
SLIDE = dict(mode="slide", crop_size=(32, 48), stride=(20, 32))


def batch(kind=SegDataSample, sizes=SIZES):
    """What a loader gives: pictures of squares, their sizes and samples."""
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for height, width in sizes:
        coarse = torch.rand(3, height // 8 + 1, width // 8 + 1, generator=generator)
        fine = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
        inputs.append((255 * fine[:, :height, :width]).to(torch.uint8))
        shapes = dict(img_shape=(height, width), ori_shape=(2 * height, width))
        samples.append(kind(metainfo=shapes))
    return dict(inputs=inputs, data_samples=samples)


class Varied(torch.nn.Module):
    """A network whose queries differ from the start: label maps of several classes."""

    per_pixel = False

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.mask_stride = network.mask_stride

    def forward(self, features, valid=None):
        found = self.network(features, valid)
        generator = torch.Generator().manual_seed(3)
        shape = found.class_logits.shape[-2:], found.mask_embed.shape[-2:]
        classes, embed = (2 * torch.randn(x, generator=generator) for x in shape)
        maps = centred(found.mask_features[0])[None]
        return Predictions(
            found.class_logits + classes.to(maps),
            found.mask_embed + embed.to(maps),
            maps,
        )


def sharp(model):
    """The model with such a network."""
    model.decode_head.network = Varied(model.decode_head.network)
    return model


def segmentor(test_cfg=SCORES, **head):
    return sharp(build_tiled(test_cfg=test_cfg, data_preprocessor=PREPROCESSOR, **head))


def detector():
    pytest.importorskip("mmdet")
    from tests.helpers import panoptic

    rule = dict(object_mask_thr=0.0, iou_thr=0.0, max_per_image=20, uncertainty=True)
    return sharp(panoptic.detector(test_cfg=rule).eval())


def fields(sample):
    """Every tensor that a prediction holds."""
    found = {}
    for name, field in sample.items():
        values = field.items() if name.startswith("pred") else ()
        for key, value in values:
            found[f"{name}.{key}"] = torch.as_tensor(value).double()
    return found


MODELS = {
    "whole": (lambda: segmentor(), SegDataSample),
    "slide": (lambda: segmentor(SLIDE | dict(uncertainty=True)), SegDataSample),
    "padding hidden": (lambda: segmentor(mask_padding=True), SegDataSample),
    "rule": (
        lambda: segmentor(dict(semantic_rule="general", object_mask_thr=0.0)),
        SegDataSample,
    ),
    "detector": pytest.param(detector, None, marks=pytest.mark.mmdet),
}
MODELS = {k: v if hasattr(v, "marks") else pytest.param(*v) for k, v in MODELS.items()}


def sample_kind(kind):
    if kind is None:
        from mmdet.structures import DetDataSample as kind  # noqa: N813
    return kind


@pytest.mark.parametrize("step", ["test_step", "val_step"])
@pytest.mark.parametrize(("build", "kind"), MODELS.values(), ids=MODELS)
@torch.no_grad()
def test_images_of_different_sizes_get_what_they_get_alone(build, kind, step):
    model, kind = build(), sample_kind(kind)
    together = getattr(model, step)(batch(kind))
    seen = set()
    for index, size in enumerate(SIZES):
        given = batch(kind)
        alone = {key: [values[index]] for key, values in given.items()}
        (wanted,) = getattr(model, step)(alone)
        found, wanted = fields(together[index]), fields(wanted)
        assert together[index].ori_shape == (2 * size[0], size[1])
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-5)
        seen |= set(found[next(k for k in found if "sem_seg" in k)].unique().tolist())
    assert len(seen) >= 3


@pytest.mark.parametrize(("build", "kind"), MODELS.values(), ids=MODELS)
@torch.no_grad()
def test_nan_is_no_prediction(build, kind):
    """One pixel is enough; it would come out as class 0."""
    given = batch(sample_kind(kind), SIZES[:1] * 2)
    given["inputs"] = [x.float() for x in given["inputs"]]
    given["inputs"][1][0, 3, 4] = torch.nan
    given["data_samples"][1].set_metainfo(dict(img_path="dark.png"))
    with pytest.raises(ValueError, match=r"predicts NaN for dark\.png\."):
        build().test_step(given)


@torch.no_grad()
def test_views_of_images_of_different_sizes():
    model = MaskFormerTTA(segmentor())
    views = [batch() for _ in range(2)]
    given = {key: [view[key] for view in views] for key in views[0]}
    together = model.test_step(given)
    for index in (1, 3):
        alone = {key: [[x[key][index]] for x in (batch(), batch())] for key in given}
        (wanted,) = model.test_step(alone)
        for key, value in fields(wanted).items():
            found = fields(together[index])[key]
            torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("build", "kind"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(("cast", "share"), [("half", 0.99), ("bfloat16", 0.95)])
@torch.no_grad()
def test_half_precision_predicts_the_same(build, kind, cast, share):
    """Scores to three or two digits, labels where they are not nearly tied."""
    model, kind = build(), sample_kind(kind)
    wanted = model.test_step(batch(kind, SIZES[:1]))[0]
    found = getattr(model, cast)().test_step(batch(kind, SIZES[:1]))[0]
    found, wanted = fields(found), fields(wanted)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if "instances" in key:  # their order is that of scores which are close
            continue
        if "confidence" in key or "entropy" in key or "no_object" in key:
            assert (found[key] - value).abs().mean() < 1 - share
        else:
            assert (found[key] == value).double().mean() > share, key
            assert len(value.unique()) >= 3, key
    key = "pred_instances.scores"
    if key in wanted:
        assert (found[key] - wanted[key]).abs().max() < 1 - share


@pytest.mark.parametrize("cast", ["half", "bfloat16"])
@torch.no_grad()
def test_a_backbone_that_adds_float32_predicts_the_same(cast):
    """Swin's masks of shifted windows, whatever the precision of its weights."""
    model = segmentor(dict(mode="whole"))
    shape = dict(embed_dims=8, depths=(2, 1, 1, 1), num_heads=(1, 1, 2, 2))
    swin = dict(type="SwinTransformer", window_size=4, **shape)
    model.backbone = HOST.build(swin)
    model.backbone.eval()
    wanted = model.test_step(batch(sizes=SIZES[:1]))[0].pred_sem_seg.data
    found = getattr(model, cast)().test_step(batch(sizes=SIZES[:1]))[0]
    assert (found.pred_sem_seg.data == wanted).double().mean() > 0.95
    assert len(wanted.unique()) >= 3


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_exact_in_training_and_fast_in_evaluation(training):
    """With channels last PyTorch's sums on the CPU are 1e-4 off."""
    norm = torch.nn.BatchNorm2d(3).train(training)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 128, 128, generator=generator).mul(3).clamp(0, 6)
    with torch.no_grad():
        wanted = copy.deepcopy(norm).double()(images.double())
        found = backbone_maps(lambda x: [norm(x)], images, norm, [3])[0]
    torch.testing.assert_close(found.double(), wanted, rtol=2e-6, atol=2e-6)
    last = found.is_contiguous(memory_format=torch.channels_last)
    assert last is not training


class ChannelsLast(torch.nn.Module):
    """A backbone as timm's Swin gives its maps."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, images):
        return tuple(x.movedim(1, -1) for x in self.backbone(images))


@torch.no_grad()
def test_maps_with_channels_last_are_turned():
    model = segmentor()
    wanted = fields(model.test_step(batch(sizes=SIZES[:1]))[0])
    model.backbone = ChannelsLast(model.backbone)
    found = fields(model.test_step(batch(sizes=SIZES[:1]))[0])
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value)
    maps = model.backbone(torch.zeros(1, 3, 64, 96))
    message = r"gives maps \(B, h, w, C\).* set model.type to mmseg_maskformer.MaskFor"
    with pytest.raises(ValueError, match=message):
        model.decode_head(maps)
    square = [torch.zeros(1, 8, 8, 8)]
    assert channels_first(square, [8])[0] is square[0]  # as it should be already


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            dict(size=(64, 64), size_divisor=32),
            r"^data_preprocessor has size=\(64, 64\) and size_divisor=32; the",
        ),
        (
            dict(test_cfg=dict(size=(64, 64), size_divisor=32)),
            r"^data_preprocessor\.test_cfg has size=\(64, 64\) and size_divisor=32",
        ),
        (
            dict(test_cfg=dict(size_divisor=None)),
            r"^data_preprocessor\.test_cfg has size=None and size_divisor=None; the",
        ),
    ],
)
def test_padding_in_two_ways_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        build_tiled(data_preprocessor={**PREPROCESSOR, **given})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            dict(num_classes=4),
            r"auxiliary_head .FCNHead. has num_classes=4, but",
        ),
        (
            dict(ignore_index=9),
            r"has ignore_index=9, but decode_head 255\. Write",
        ),
    ],
)
def test_auxiliary_heads_know_the_same_labels(wrong, message):
    init_default_scope("mmseg")
    auxiliary = dict(
        type="FCNHead", in_channels=32, in_index=2, channels=8, num_classes=5
    )
    model = dict(
        type="mmseg_maskformer.MaskFormerSegmentor",
        backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
        decode_head=HEAD,
    )
    HOST.build(dict(**model, auxiliary_head=auxiliary))
    with pytest.raises(ValueError, match=message):
        HOST.build(dict(**model, auxiliary_head=[auxiliary, {**auxiliary, **wrong}]))


def test_auxiliary_heads_know_void_by_one_label_alone():
    init_default_scope("mmseg")
    other = dict(num_classes=5, ignore_index=9)
    auxiliary = dict(type="FCNHead", in_channels=32, in_index=2, channels=8, **other)
    model = dict(
        type="mmseg_maskformer.MaskFormerSegmentor",
        backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
        decode_head={**HEAD, **other},
    )
    HOST.build(model)
    with pytest.raises(ValueError, match=r"void as ignore_index=9 alone, .* are 255"):
        HOST.build(dict(**model, auxiliary_head=auxiliary))
