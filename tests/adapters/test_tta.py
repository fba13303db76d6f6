"""Test-time augmentation: the mean of score maps that were computed separately."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from mmseg_maskformer.adapters.tta import MaskFormerTTA
from tests import reference
from tests.conftest import REPOSITORY
from tests.helpers.segmentor import KINDS, SLIDE, Masks
from tests.helpers.semantic import build, build_tiled

DATASETS = REPOSITORY / "configs/_base_/datasets"
PREPROCESSOR = dict(
    type="SegDataPreProcessor",
    mean=[120.0] * 3,
    std=[60.0] * 3,
    bgr_to_rgb=True,
    test_cfg=dict(size_divisor=32),
)


def draw(path, size, seed=0):
    """Write an image (height, width) of noise and its label map."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (*(-(-n // 8) for n in size), 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size[::-1]).save(path)
    labels = random.integers(0, 5, size, dtype=np.uint8)
    Image.fromarray(labels).save(path.with_suffix(".label.png"))
    return path


def views(path, pipeline):
    """What a data loader gives of the views of one image."""
    info = dict(
        img_path=str(path),
        seg_map_path=str(path.with_suffix(".label.png")),
        reduce_zero_label=False,
        label_map=None,
        seg_fields=[],
    )
    return pseudo_collate([Compose(pipeline)(info)])


def camvid_views(path):
    init_default_scope("mmseg")
    return views(path, Config.fromfile(DATASETS / "camvid_256x256.py").tta_pipeline)


def recorded(model, monkeypatch):
    """The score maps (n, H, W) that a model is asked to make results of."""
    found, add_result = [], model.add_result

    def record(sample, scores, options):
        found.append(scores.rows(0, scores.size[0]))
        add_result(sample, scores, options)

    monkeypatch.setattr(model, "add_result", record)
    return found


@pytest.mark.parametrize("mode", [dict(mode="whole"), SLIDE], ids=["whole", "slide"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_segmentor_averages_the_hosts_separate_scores(
    kind, mode, tmp_path, monkeypatch
):
    head, network = kind
    host = build(test_cfg=mode, data_preprocessor=PREPROCESSOR, **head)
    ours = build_tiled(test_cfg=mode, data_preprocessor=PREPROCESSOR, **head)
    host.decode_head.network = ours.decode_head.network = network()
    data = camvid_views(draw(tmp_path / "street.png", (59, 83)))
    shapes = [tuple(x[0].shape[1:]) for x in data["inputs"]]
    # 59 x 83 times 0.5, 0.75, ..., 1.75, rounded half up; each of them mirrored too
    sizes = [(30, 42), (44, 62), (59, 83), (74, 104), (89, 125), (103, 145)]
    assert shapes == [size for size in sizes for _ in range(2)]
    maps = recorded(ours, monkeypatch)
    (sample,) = MaskFormerTTA(ours).test_step(data)
    separate = []
    for inputs, samples in zip(data["inputs"], data["data_samples"], strict=True):
        (one,) = host.test_step(dict(inputs=inputs, data_samples=samples))
        separate.append(one.seg_logits.data)
    mean = torch.stack(separate).mean(0)
    torch.testing.assert_close(maps[0], mean, rtol=1e-5, atol=2e-5)
    labels = sample.pred_sem_seg.data
    assert labels.shape == (1, 59, 83)
    assert (labels[0] == mean.argmax(0)).double().mean() > 0.9995  # ties of rounding
    assert len(labels.unique()) >= 3
    truth = np.asarray(Image.open(tmp_path / "street.label.png"))
    assert np.array_equal(sample.gt_sem_seg.data[0].numpy(), truth)


@torch.no_grad()
def test_the_hosts_softmax_of_scores_is_another_mean(tmp_path):
    init_default_scope("mmseg")
    arguments = dict(data_preprocessor=PREPROCESSOR)
    labels = []
    for segmentor, wrapper in (
        (build_tiled, "mmseg_maskformer.MaskFormerTTA"),
        (build, "SegTTAModel"),
    ):
        model = segmentor(**arguments)
        model.decode_head.network = Masks()
        data = camvid_views(draw(tmp_path / "street.png", (59, 83)))
        tta = MODELS.build(dict(type=wrapper, module=model))
        labels.append(tta.test_step(data)[0].pred_sem_seg.data.squeeze())
    assert 0.5 < (labels[0] == labels[1]).double().mean() < 0.995


@torch.no_grad()
def test_a_batch_equals_its_images_and_uncertainty_is_averaged(tmp_path, monkeypatch):
    config = dict(mode="whole", uncertainty=True)
    model = build_tiled(test_cfg=config, data_preprocessor=PREPROCESSOR)
    model.decode_head.network = Masks()
    tta = MaskFormerTTA(model)
    data = [camvid_views(draw(tmp_path / f"{i}.png", (59, 83), i)) for i in range(2)]
    both = {
        key: [a + b for a, b in zip(*(x[key] for x in data), strict=True)]
        for key in ("inputs", "data_samples")
    }
    found = tta.test_step(both)
    maps = recorded(model, monkeypatch)
    single = [tta.test_step(x)[0] for x in data]
    for scores, a, b in zip(maps, found, single, strict=True):
        same = a.pred_sem_seg.data == b.pred_sem_seg.data
        assert same.double().mean() > 0.999
        for name in ("confidence", "entropy", "no_object"):
            one, other = (x.get(f"pred_{name}").data for x in (a, b))
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        share = scores[:-1] / scores[:-1].sum(0)
        torch.testing.assert_close(b.pred_confidence.data[0], share.amax(0))
        torch.testing.assert_close(b.pred_no_object.data[0], scores[-1])


@pytest.mark.mmdet
@torch.no_grad()
def test_detector_averages_separate_scores(tmp_path, monkeypatch):
    pytest.importorskip("mmdet")
    from tests.helpers.panoptic import detector

    preprocessor = dict(
        type="DetDataPreprocessor",
        mean=[120.0] * 3,
        std=[60.0] * 3,
        bgr_to_rgb=True,
        pad_size_divisor=32,
    )
    model = detector(data_preprocessor=preprocessor).eval()
    model.decode_head.network = Masks()
    scales = [dict(type="Resize", scale=(n, n), keep_ratio=True) for n in (60, 83, 130)]
    directions = ("horizontal", "vertical", "diagonal")
    flips = [
        dict(type="RandomFlip", prob=0.0),
        *(dict(type="RandomFlip", prob=1.0, direction=x) for x in directions),
    ]
    transforms = [scales, flips, [dict(type="PackDetInputs")]]
    load = dict(type="LoadImageFromFile")
    data = views(
        draw(tmp_path / "a.png", (59, 83)),
        [load, dict(type="TestTimeAug", transforms=transforms)],
    )
    assert len(data["inputs"]) == 12
    maps = recorded(model, monkeypatch)
    (sample,) = MaskFormerTTA(model).test_step(data)
    separate = []
    for inputs, samples in zip(data["inputs"], data["data_samples"], strict=True):
        batch = model.data_preprocessor(dict(inputs=inputs, data_samples=samples))
        height, width = batch["inputs"].shape[-2:]
        assert height % 32 == width % 32 == 0
        answer = model.decode_head(model.extract_feat(batch["inputs"])).layer()
        class_logits, mask_logits = next(iter(answer.images()))
        logits = reference.resize_bilinear(mask_logits.double(), (height, width))
        logits = reference.postprocess(logits, samples[0].img_shape[:2], (59, 83))
        probs = class_logits.double().softmax(-1)[:, :-1]
        scores = torch.einsum("qk,qhw->khw", probs, logits.sigmoid())
        flip = samples[0].flip_direction
        axes = dict(horizontal=[-1], vertical=[-2], diagonal=[-2, -1]).get(flip, [])
        separate.append(scores.flip(axes) if axes else scores)
    mean = torch.stack(separate).mean(0)
    torch.testing.assert_close(maps[0].double(), mean, rtol=1e-5, atol=2e-5)
    labels = sample.pred_sem_seg.sem_seg[0]
    assert (labels == mean.argmax(0)).double().mean() > 0.9995  # ties of rounding
    one = {key: [data[key][2 * 2]] for key in data}  # 83 pixels wide, not mirrored
    (alone,) = MaskFormerTTA(model).test_step(one)
    (direct,) = model.test_step({key: data[key][2 * 2] for key in data})
    assert torch.equal(alone.pred_sem_seg.sem_seg, direct.pred_sem_seg.sem_seg)
    model.test_cfg["uncertainty"] = True
    (sample,) = MaskFormerTTA(model).test_step(data)
    confidence = (mean / mean.sum(0)).amax(0).float()
    found = sample.pred_confidence.data[0]
    torch.testing.assert_close(found, confidence, rtol=1e-4, atol=1e-5)


def test_other_segmentors_are_a_sentence():
    with pytest.raises(ValueError, match="got EncoderDecoder; .*'SegTTAModel'"):
        MaskFormerTTA(build())


@torch.no_grad()
def test_views_of_another_image_are_a_sentence(tmp_path):
    data = camvid_views(draw(tmp_path / "street.png", (59, 83)))
    data["data_samples"][3][0].set_metainfo(dict(ori_shape=(30, 42)))
    tta = MaskFormerTTA(build_tiled(data_preprocessor=PREPROCESSOR))
    message = r"street\.png have original sizes \[\(30, 42\), \(59, 83\)\]"
    with pytest.raises(ValueError, match=message):
        tta.test_step(data)


@torch.no_grad()
def test_rules_without_scores_are_a_sentence(tmp_path):
    config = dict(mode="whole", semantic_rule="general")
    model = build_tiled(test_cfg=config, data_preprocessor=PREPROCESSOR)
    data = camvid_views(draw(tmp_path / "street.png", (59, 83)))
    with pytest.raises(ValueError, match="'general' gives labels and no scores"):
        MaskFormerTTA(model).test_step(data)


# A picture of 400 x 600; short sides as in the paper's code, times 1.5 the
# long ones.
SHORT_SIDES = {
    "ade20k_512x512": (256, 384, 512, 640, 768, 896),
    "ade20k-full_512x512": (256, 384, 512, 640, 768, 896),
    "ade20k_640x640": (320, 480, 640, 800, 960, 1120),
    "coco-stuff10k_640x640": (320, 480, 640, 800, 960, 1120),
    "cityscapes_512x1024": (512, 768, 1024, 1280, 1536, 1792),
    "camvid_256x256": (200, 300, 400, 500, 600, 700),  # 0.5 to 1.75 of 400
}
# long side at most: 400 x 4000 times a / 400 has 10 a
LONGEST = {
    "ade20k_512x512": 3584,
    "ade20k-full_512x512": 3584,
    "ade20k_640x640": 4480,
    "coco-stuff10k_640x640": 4480,
    "cityscapes_512x1024": 4096,
}


def sizes(name, path):
    """Sizes of the views, and whether they are mirrored."""
    init_default_scope("mmseg")
    pipeline = Config.fromfile(DATASETS / f"{name}.py").tta_pipeline
    data = views(path, pipeline)
    samples = [x[0] for x in data["data_samples"]]
    assert all(x.gt_sem_seg.shape == x.ori_shape for x in samples)
    shapes = [tuple(x[0].shape[1:]) for x in data["inputs"]]
    return list(zip(shapes, [x.flip for x in samples], strict=True))


@pytest.mark.parametrize("name", SHORT_SIDES)
def test_views_of_every_data_set(name, tmp_path):
    found = sizes(name, draw(tmp_path / "a.png", (400, 600)))
    expected = [
        ((side, side * 3 // 2), flip)
        for side in SHORT_SIDES[name]
        for flip in (False, True)
    ]
    assert found == expected


@pytest.mark.parametrize("name", LONGEST)
def test_long_sides_of_every_data_set(name, tmp_path):
    found = sizes(name, draw(tmp_path / "a.png", (80, 800)))
    assert max(width for (_, width), _ in found) == LONGEST[name]


def test_views_of_mapillary_have_shares_of_the_long_side_in_evaluation(tmp_path):
    found = sizes("mapillary_1280x1280", draw(tmp_path / "a.png", (300, 400)))
    # 2048 times 0.5, 1 and 1.5, and 3/4 of that
    assert [shape for shape, _ in found[::2]] == [
        (768, 1024),
        (1536, 2048),
        (2304, 3072),
    ]


def test_the_first_view_of_a_scene_has_its_own_label_map():
    config = Config.fromfile(DATASETS / "scenes.py")
    init_default_scope("mmseg")
    from mmseg.registry import DATASETS as HOST

    data = dict(config.test_dataloader.dataset, num_images=1)
    plain = HOST.build(dict(data))[0]["data_samples"].gt_sem_seg.data
    samples = HOST.build(dict(data, pipeline=config.tta_pipeline))[0]["data_samples"]
    assert torch.equal(samples[0].gt_sem_seg.data, plain)
    assert not torch.equal(samples[1].gt_sem_seg.data, plain)
    factors = (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)
    assert [x.img_shape[0] for x in samples[::2]] == [128 * x for x in factors]
