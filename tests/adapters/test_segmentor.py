"""Prediction of the segmentor: labels, uncertainty, sliding windows, files."""

from __future__ import annotations

import math

import mmcv
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image

from tests import reference
from tests.conftest import REPOSITORY
from tests.helpers.segmentor import KINDS, PER_PIXEL, SLIDE, Masks, Pixels, predict
from tests.helpers.semantic import CASES, CLASSES, build, build_tiled, images, samples


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
    options = model.prediction_options()
    maps = model.score_maps(images(case["size"]), samples(**case), options)
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


def test_one_image_by_its_path_or_its_pixels(configured_data):
    from mmseg.apis import inference_model

    leaf = "maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"
    config = Config.fromfile(REPOSITORY / "configs" / leaf)
    model = build_tiled(data_preprocessor=config.model.data_preprocessor)
    model.decode_head.network = Masks()
    model.cfg = config
    path = min((configured_data / "camvid/images/val").iterdir())
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
