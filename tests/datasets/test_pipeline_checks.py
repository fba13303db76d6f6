"""Pipelines that separate image and annotation are refused, others are not."""

from __future__ import annotations

import random
from importlib import import_module
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)
from mmseg_maskformer.datasets import pipeline_trials
from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.pipeline_checks import check_built, check_pipelines
from mmseg_maskformer.datasets.scenes.semantic import ScenesDataset
from mmseg_maskformer.datasets.trial_images import TrialImage, mislabelled_share
from tests.datasets.panoptic_files import build, write_set
from tests.datasets.pipelines import (
    BOXES,
    FLIP,
    LABELS,
    LOAD,
    MASKS,
    RESIZE,
    SEGMENTS,
    instance,
    panoptic,
    semantic,
)


@pytest.fixture
def told(monkeypatch):
    """Messages about what could not be tried."""
    messages = []
    monkeypatch.setattr(
        pipeline_trials, "print_log", lambda text, **_: messages.append(text)
    )
    return messages


class FlipImage(BaseTransform):
    """Like Albu with a keymap that does not name our map."""

    def transform(self, results):
        if np.random.rand() < 0.5:
            results["img"] = results["img"][:, ::-1].copy()
        return results


class Disturb(BaseTransform):
    """Changes every pixel and moves none."""

    def transform(self, results):
        blurred = cv2.GaussianBlur(255 - results["img"], (9, 9), 3)
        results["img"] = blurred + np.random.normal(0, 30, blurred.shape)
        return results


def turn(results):
    """A function of a user."""
    return results | dict(img=results["img"][::-1])


class Depth(BaseTransform):
    """Wants what other data sets give."""

    def transform(self, results):
        results["depth"] += 1
        return results


def with_map(kind, **options):
    return lambda: panoptic(SEGMENTS, dict(type=kind, **options))


def with_objects(kind, load=MASKS, **options):
    return lambda: panoptic(SEGMENTS, load, dict(type=kind, **options))


APART = "moves the image and not its annotation"
REFUSED = {
    "FlipImage": (lambda: panoptic(SEGMENTS, FlipImage()), APART),
    "turn": (lambda: panoptic(SEGMENTS, turn), APART),
    "KeyMapper": (
        with_map("KeyMapper", mapping=dict(img="img"), transforms=[FLIP]),
        APART,
    ),
    "RandomAffine": (with_objects("RandomAffine", BOXES), APART),
    "RandomShift": (with_objects("RandomShift", BOXES), APART),
    "CachedMixUp": (with_objects("CachedMixUp", img_scale=(128, 128)), APART),
    "CachedMosaic": (with_objects("CachedMosaic", img_scale=(128, 128)), APART),
    "CopyPaste": (with_objects("CopyPaste"), APART),
    **{
        f"{name} of masks": (
            lambda name=name: instance(MASKS, dict(type=name, img_scale=(99, 99))),
            APART,
        )
        for name in ("Mosaic", "MixUp")
    },
    "RandomShift by chance": (
        with_map("RandomApply", prob=0.01, transforms=[dict(type="RandomShift")]),
        APART,
    ),
    "RandomRotFlip": (with_map("mmseg.RandomRotFlip"), "out of the labels"),
    "Pad": (
        with_map("Pad", size=(300, 300), pad_val=dict(img=0, seg=7)),
        "fills 7 into label maps, which is not void. Set it to 0: pad_val",
    ),
    "RandomFlip": (lambda: panoptic(FLIP, SEGMENTS), "before its annotation is loaded"),
    "FlipImage of masks": (lambda: instance(MASKS, FlipImage()), APART),
    "FlipImage of classes": (lambda: semantic(LABELS, FlipImage()), APART),
    "Resize": (
        lambda: semantic(dict(type="Resize", scale=(200, 100)), LABELS),
        "before its annotation is loaded",
    ),
    "RandomRotFlip of classes": (
        lambda: semantic(LABELS, dict(type="RandomRotFlip")),
        "out of the labels",
    ),
    "Pad by what is no class": (
        lambda: semantic(
            LABELS, dict(type="Pad", size=(300, 300), pad_val=dict(img=0, seg=99))
        ),
        r"fills 99 into .* Set it to 255",
    ),
    "Pad by 255, a class": (
        lambda: semantic(
            LABELS,
            dict(type="Pad", size=(300, 300)),
            ignore_index=65535,
            metainfo=dict(classes=["x"] * 847),
        ),
        r"fills 255 into .* Set it to 65535",
    ),
    "LoadLabelMap": (
        lambda: semantic(LABELS | dict(reduce_zero_label=True)),
        r"has reduce_zero_label=True, the data set False\. Say it in the data sets",
    ),
    "PackDetInputs": (lambda: instance(SEGMENTS), "would pack numbers of segments"),
    "PackDetInputs of drawn maps": (
        lambda: instance(GIVES_MAPS="segments"),
        r"would pack numbers of segments as classes: end it with .*PackPanopticInputs",
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_training_pipelines_that_are_refused(make, message, request):
    name = request.node.callspec.id.split(" ")[0]
    with pytest.raises(ValueError, match=rf"^{name} in the pipeline of .*{message}"):
        check_pipelines(make(), evaluated=False)


KEPT = {
    "colours": lambda: panoptic(
        SEGMENTS,
        *(dict(type=x) for x in ("PhotoMetricDistortion", "YOLOXHSVRandomAug")),
        Disturb(),
    ),
    "what the host moves": lambda: panoptic(
        SEGMENTS,
        MASKS,
        *(dict(type=x) for x in ("Rotate", "ShearX", "TranslateY", "MinIoURandomCrop")),
        dict(type="Expand", seg_ignore_label=0),
        dict(type="RandomErasing", n_patches=3, ratio=0.2),
        dict(type="Pad", size=(300, 300)),
    ),
    "masks": lambda: instance(
        MASKS,
        dict(type="CachedMosaic", img_scale=(128, 128)),
        dict(type="RandomResize", scale=(256, 256), ratio_range=(0.1, 2.0)),
        dict(type="RandomCrop", crop_size=(99, 77)),
        FLIP,
    ),
    "classes": lambda: semantic(
        LABELS,
        dict(type="RandomMosaic", prob=0.5, img_scale=(128, 128)),
        dict(type="RandomRotate", prob=0.5, degree=20),
        dict(type="RandomCutOut", prob=0.5, n_holes=3, cutout_shape=(32, 32)),
        dict(type="CLAHE"),
        dict(type="Pad", size=(300, 300)),
    ),
    "wide labels": lambda: semantic(
        LABELS,
        dict(type="Pad", size=(300, 300), pad_val=dict(img=0, seg=65535)),
        ignore_index=65535,
        metainfo=dict(classes=["x"] * 847),
    ),
}


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_training_pipelines_that_are_kept(make, told):
    check_pipelines(make(), evaluated=False)
    assert not told


def test_what_cannot_be_tried_is_named(told):
    check_pipelines(semantic(LABELS, Depth(), Depth()), evaluated=False)
    assert told == [
        "Depth could not be tried on a made-up image (KeyError: 'depth'): check "
        "yourself that it keeps image and annotation together."
    ]


def format_inputs(results):
    """A user's packing, which the check cannot know by its name."""
    return dict(inputs=torch.as_tensor(results["img"]), data_samples=results)


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_packing_of_another_name_does_no_harm(evaluated, told):
    given = semantic(LABELS)
    given.pipeline.transforms[-1] = format_inputs
    check_pipelines(given, evaluated=evaluated)
    assert not told


def test_random_numbers_and_transforms_are_left_as_they_were():
    crop = dict(type="RandomCrop", crop_size=(99, 77))
    tried = semantic(LABELS, crop, FLIP)
    flip = tried.pipeline.transforms[3]
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    expected = random.random(), np.random.rand(), torch.rand(1)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    check_pipelines(tried, evaluated=False)
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected
    assert flip.prob == 0.5


def test_wrapped_data_sets_are_tried_with_the_transforms_around_them():
    """As MMDetection's MultiImageMixDataset has them."""
    with DefaultScope.overwrite_default_scope("mmseg"):
        inner = Compose([LOAD, LABELS])
    leaf = semantic()
    leaf.pipeline = inner
    outer = SimpleNamespace(dataset=leaf, pipeline=[FlipImage()])
    check_pipelines(leaf, evaluated=False)
    both = SimpleNamespace(datasets=[leaf, outer])
    with pytest.raises(ValueError, match="^FlipImage in"):
        check_pipelines(both, evaluated=False)


def test_without_test_mode_a_pipeline_must_suit_training_or_evaluation():
    check_built(semantic(LABELS, FLIP))
    check_built(semantic(RESIZE, LABELS))
    with pytest.raises(ValueError, match="^Pad in .* an evaluated image"):
        check_built(semantic(RESIZE, dict(type="Pad", size_divisor=32), LABELS))
    with pytest.raises(ValueError, match=f"^FlipImage in .*{APART}"):
        check_built(semantic(LABELS, FlipImage()))


def test_data_sets_check_their_pipelines_when_they_are_built(tmp_path):
    pipeline = [FlipImage()]
    message = "^FlipImage in the pipeline of ScenesDataset moves"
    with pytest.raises(ValueError, match=message):
        ScenesDataset(num_images=1, pipeline=pipeline)
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"LabelMapDataset {tmp_path} moves"):
        LabelMapDataset(
            data_prefix=dict(img_path=str(tmp_path), seg_map_path=str(tmp_path)),
            metainfo=dict(classes=("a", "b")),
            pipeline=[*Compose([LABELS]).transforms, *pipeline],
        )


@pytest.mark.mmdet
def test_panoptic_data_sets_check_their_pipelines_when_they_are_built(tmp_path):
    pytest.importorskip("mmdet")
    write_set(tmp_path)
    build(tmp_path, pipeline=[LOAD, SEGMENTS, FLIP])
    with pytest.raises(ValueError, match=r"CocoPanopticDataset .*all\.json moves"):
        build(tmp_path, pipeline=[LOAD, SEGMENTS, FlipImage()])
    with pytest.raises(ValueError, match="^RandomFlip in .* an evaluated image"):
        build(tmp_path, pipeline=[LOAD, SEGMENTS, dict(FLIP, prob=1.0)], test_mode=True)
    scenes = import_module("mmseg_maskformer.datasets.scenes.panoptic")
    with pytest.raises(ValueError, match="PanopticScenesDataset moves"):
        scenes.PanopticScenesDataset(num_images=1, pipeline=[FlipImage()])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_images_of_any_number_of_channels_show_what_moves(channels):
    trial = TrialImage(np.random.default_rng(0))
    like = np.empty((1, 1, channels), np.float32) if channels > 1 else np.empty((1, 1))
    image = trial.image(like)["img"]
    assert mislabelled_share(image, trial.classes) == 0
    assert mislabelled_share(image[:, ::-1], trial.classes) > 0.3
    assert mislabelled_share(np.roll(image, 4, axis=1), trial.classes) > 0.05
