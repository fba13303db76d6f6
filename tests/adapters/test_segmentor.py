"""Prediction options of the segmentor: rules, layers, uncertainty, sliding windows."""

from __future__ import annotations

import math

import mmcv
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image

from mmseg_maskformer.core.structures import PixelPredictions, Predictions
from tests import reference, reference_variants
from tests.adapters.test_semantic import (
    CASES,
    CLASSES,
    PIXEL_DECODER,
    TRANSFORMER_DECODER,
    build,
    build_tiled,
    images,
    network_of,
    samples,
)
from tests.conftest import REPOSITORY

PER_PIXEL = dict(
    network=dict(type="PerPixelBaseline", pixel_decoder=PIXEL_DECODER),
    criterion=dict(type="PixelCriterion"),
    num_classes=CLASSES,
)
SLIDE = dict(mode="slide", crop_size=(45, 53), stride=(25, 48))


class Masks(torch.nn.Module):
    """Predictions that each image decides alone: label maps of several classes."""

    mask_stride = 4
    per_pixel = False

    def forward(self, features, valid=None):
        generator = torch.Generator().manual_seed(3)
        num, width = features[0].shape[:2]
        classes = 3 * torch.randn(1, 1, 9, CLASSES + 1, generator=generator)
        embed = torch.randn(1, 1, 9, width, generator=generator)
        return Predictions(
            classes.repeat(1, num, 1, 1),
            embed.repeat(1, num, 1, 1),
            centred(features[0])[None],
        )


class Pixels(torch.nn.Module):
    """The same of a per-pixel model."""

    mask_stride = 4
    per_pixel = True

    def forward(self, features, valid=None):
        generator = torch.Generator().manual_seed(3)
        embed = torch.randn(1, 1, CLASSES, 8, generator=generator)
        embed = embed.repeat(1, len(features[0]), 1, 1)
        return PixelPredictions(embed, centred(features[0]))


def centred(features):
    """Channels of each image with mean 0 and deviation 1."""
    centred = features - features.mean((2, 3), keepdim=True)
    return centred / centred.std((2, 3), keepdim=True)


def predict(model, network=Masks, num=2, **case):
    """Results for the images of a case."""
    model.decode_head.network = network()
    with torch.no_grad():
        return model.predict(images(case["size"], num), samples(num=num, **case))


KINDS = {"masks": ({}, Masks), "pixels": (PER_PIXEL, Pixels)}


@pytest.mark.parametrize("config", [SLIDE, dict(mode="whole", uncertainty=True)])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_labels_equal_the_hosts_dense_ones(case, kind, config):
    head, network = kind
    host = {key: value for key, value in config.items() if key != "uncertainty"}
    dense = predict(build(test_cfg=host, **head), network, **case)
    ours = predict(build_tiled(test_cfg=config, **head), network, **case)
    for found, wanted in zip(ours, dense, strict=True):
        same = found.pred_sem_seg.data == wanted.pred_sem_seg.data
        assert same.double().mean() > 0.9995  # ties of rounding
        assert len(wanted.pred_sem_seg.data.unique()) >= 3
        assert "seg_logits" not in found


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@torch.no_grad()
def test_slide_averages_the_hosts_scores(case, kind):
    head, network = kind
    dense = predict(build(test_cfg=SLIDE, **head), network, **case)
    model = build_tiled(test_cfg=SLIDE, **head)
    model.decode_head.network = network()
    maps = model.score_maps(images(case["size"]), samples(**case))
    for scores, wanted in zip(maps, dense, strict=True):
        found, wanted = scores.rows(0, scores.size[0]), wanted.seg_logits.data
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=5e-5)  # of +-10


@pytest.mark.parametrize("crop", [(64, 96), (100, 97)])
def test_slide_equals_whole_where_one_window_covers_the_image(crop):
    case = dict(size=(64, 96), ori_shape=(81, 120), num=1)
    config = dict(mode="slide", crop_size=crop, stride=(30, 30), uncertainty=True)
    slide = predict(build_tiled(test_cfg=config), **case)
    whole = predict(build_tiled(test_cfg=dict(uncertainty=True)), **case)
    plain = predict(build_tiled(), **case)
    for a, b, c in zip(slide, whole, plain, strict=True):
        assert torch.equal(a.pred_sem_seg.data, c.pred_sem_seg.data)
        for name in ("sem_seg", "confidence", "entropy", "no_object"):
            assert torch.equal(a.get(f"pred_{name}").data, b.get(f"pred_{name}").data)


@torch.no_grad()
def test_padding_is_hidden_from_windows_too():
    """30 rows, padded to 64: half of the coarsest grid of 2 x 3 is padding."""
    image = dict(img_padding_size=(0, 0, 0, 34), ori_shape=(30, 96))
    hidden = []

    def found(img_shape, padding, **test_cfg):
        model = build_tiled(
            test_cfg=dict(test_cfg, uncertainty=True), mask_padding=True
        )
        model.decode_head.network.register_forward_pre_hook(
            lambda _, inputs: hidden.append(inputs[1])
        )
        case = dict(size=(64, 96), num=1, img_shape=img_shape, **padding)
        (sample,) = model.predict(images((64, 96), 1), samples(**case))
        return sample.pred_confidence.data

    whole = found((30, 96), image)
    one = dict(mode="slide", crop_size=(64, 96), stride=(64, 96))
    assert torch.equal(found((30, 96), image, **one), whole)
    assert not torch.equal(found((64, 96), image), whole)
    # where the padding is predicted too, windows of rows 32 to 64 hold nothing else
    small = dict(mode="slide", crop_size=(32, 32), stride=(32, 32))
    assert found((30, 96), {}, **small).isfinite().all()
    assert all((valid > 0).all() for valid in hidden)


@torch.no_grad()
def test_uncertainty_equals_the_dense_formulas():
    case = CASES["padded, resized"]
    model = build_tiled(test_cfg=dict(mode="whole", uncertainty=True))
    (sample, _) = predict(model, **case)
    answer = model.decode_head(model.extract_feat(images((64, 96)))).layer()
    class_logits, mask_logits = next(iter(answer.images()))
    masks = reference.resize_bilinear(mask_logits.double(), (64, 96)).sigmoid()
    probs = class_logits.double().softmax(-1)
    scores = torch.einsum("qk,qhw->khw", probs[:, :-1], masks)
    free = (1 - (1 - probs[:, -1, None, None]) * masks).prod(0, keepdim=True)
    # img_padding_size: left 0, right 13, top 0, bottom 5
    scores, free = (
        reference.postprocess(x, (59, 83), (101, 140)) for x in (scores, free)
    )
    share = scores / scores.sum(0)
    entropy = -(share * share.log()).sum(0, keepdim=True) / math.log(CLASSES)
    expected = dict(confidence=share.amax(0)[None], entropy=entropy, no_object=free)
    for name, wanted in expected.items():
        found = sample.get(f"pred_{name}").data
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=2e-6)


def test_a_per_pixel_model_gives_softmax_and_no_mass_of_no_object():
    model = build_tiled(test_cfg=dict(mode="whole", uncertainty=True), **PER_PIXEL)
    (sample, _) = predict(model, Pixels, size=(64, 96))
    dense = predict(
        build(test_cfg=dict(mode="whole"), **PER_PIXEL), Pixels, size=(64, 96)
    )
    probs = dense[0].seg_logits.data.softmax(0)
    torch.testing.assert_close(sample.pred_confidence.data[0], probs.amax(0))
    assert sample.pred_no_object.data.abs().max() == 0


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


def test_one_image_by_its_path_or_its_pixels(shared_data, monkeypatch):
    from mmseg.apis import inference_model

    monkeypatch.setenv("MASKFORMER_DATA", str(shared_data))
    leaf = "maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"
    config = Config.fromfile(REPOSITORY / "configs" / leaf)
    model = build_tiled(data_preprocessor=config.model.data_preprocessor)
    model.decode_head.network = Masks()
    model.cfg = config
    path = min((shared_data / "camvid/images/val").iterdir())
    pixels = mmcv.imread(path, backend="pillow")
    # by its path first: for pixels the host changes the pipeline of the config
    by_path, by_pixels = (inference_model(model, x) for x in (str(path), pixels))
    found = by_path.pred_sem_seg.data
    assert found.shape == (1, 360, 480)
    assert torch.equal(by_pixels.pred_sem_seg.data, found)
    assert len(found.unique()) > 1


def test_a_picture_in_a_file_with_the_config_of_the_demo(tmp_path):
    from mmseg.apis import inference_model

    config = Config.fromfile(REPOSITORY / "configs/demo/maskformer_tiny_scenes.py")
    init_default_scope("mmseg")
    (scene,) = DATASETS.build(dict(config.val_dataloader.dataset, num_images=1))
    pixels = scene["inputs"].permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., ::-1]).save(tmp_path / "scene.png")  # BGR to RGB
    model = MODELS.build(config.model).eval()
    model.cfg = config
    batch = dict(inputs=[scene["inputs"]], data_samples=[scene["data_samples"]])
    expected = model.test_step(batch)[0].pred_sem_seg.data
    found = inference_model(model, str(tmp_path / "scene.png")).pred_sem_seg.data
    assert torch.equal(found, expected)


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
        (dict(uncertainty="no"), "uncertainty='no' is neither True nor False"),
        (dict(seg_logits=1), "seg_logits=1 is neither True nor False"),
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
