"""Pipelines of evaluation whose results would not lie over the annotation."""

from __future__ import annotations

import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from PIL import Image

from mmseg_maskformer.datasets import pipeline_trials
from mmseg_maskformer.datasets.pipeline_checks import check_pipelines
from tests.datasets.pipelines import (
    FLIP,
    LABELS,
    LOAD,
    MASKS,
    PACK_LABELS,
    RESIZE,
    SEGMENTS,
    dataset,
    instance,
    panoptic,
    semantic,
)

IMAGE = "pads, flips, crops or moves an evaluated image"
NARROW = dict(type="LoadAnnotations")  # of MMSegmentation
ANNOTATION = "changes the annotation of an evaluated image"
NOT_EVALUATED = {
    "Pad": (
        lambda: panoptic(RESIZE, dict(type="Pad", size_divisor=32), SEGMENTS),
        IMAGE,
    ),
    "Pad of the host": (
        lambda: instance(RESIZE, dict(type="Pad", size=(1400, 1400)), MASKS),
        IMAGE,
    ),
    "FixShapeResize": (
        lambda: panoptic(
            dict(type="FixShapeResize", width=99, height=99, keep_ratio=True), SEGMENTS
        ),
        IMAGE,
    ),
    "RandomFlip": (lambda: panoptic(dict(FLIP, prob=1.0), SEGMENTS), IMAGE),
    "RandomCrop": (
        lambda: panoptic(dict(type="RandomCrop", crop_size=(99, 99)), SEGMENTS),
        IMAGE,
    ),
    "CenterCrop": (
        lambda: semantic(dict(type="CenterCrop", crop_size=(99, 99)), LABELS),
        IMAGE,
    ),
    "LoadAnnotations": (
        lambda: semantic(NARROW, metainfo=dict(classes=["x"] * 256)),
        r"keeps 8 bits of a label, and the data set has 256 .*LoadLabelMap",
    ),
    "ResizeWithLabels": (lambda: panoptic(SEGMENTS, RESIZE), ANNOTATION),
    "ResizeWithLabels of classes": (lambda: semantic(LABELS, RESIZE), ANNOTATION),
}


@pytest.mark.mmdet
@pytest.mark.parametrize(("make", "message"), NOT_EVALUATED.values(), ids=NOT_EVALUATED)
def test_evaluated_pipelines_that_are_refused(make, message, request):
    name = request.node.callspec.id.split(" ")[0]
    with pytest.raises(ValueError, match=rf"^{name} in the pipeline of .*{message}"):
        check_pipelines(make(), evaluated=True)


def views(*transforms):
    return dict(type="TestTimeAug", transforms=[*transforms, [PACK_LABELS]])


BOTH = [dict(FLIP, prob=0.0), dict(FLIP, prob=1.0)]
EVALUATED = {
    "segments": lambda: panoptic(RESIZE, SEGMENTS),
    "no flip": lambda: panoptic(RESIZE, dict(FLIP, prob=0.0), SEGMENTS),
    "masks": lambda: instance(RESIZE, MASKS),
    "classes": lambda: semantic(RESIZE, LABELS),
    "labels of 8 bits": lambda: semantic(NARROW, metainfo=dict(classes=["x"] * 255)),
    "a small image": lambda: semantic(dict(type="Resize", scale=(32, 24)), LABELS),
    "a tiny image": lambda: semantic(dict(type="Resize", scale=(8, 6)), LABELS),
    "views": lambda: semantic(views([RESIZE], BOTH, [LABELS])),
}


@pytest.mark.mmdet
@pytest.mark.parametrize("make", EVALUATED.values(), ids=EVALUATED)
def test_evaluated_pipelines_that_are_kept(make):
    check_pipelines(make(), evaluated=True)


@pytest.mark.mmdet
def test_views_as_mmdet_makes_them_of_a_panoptic_pipeline_are_refused():
    """MMDetection's tools/test.py --tta, where a config has no tta_pipeline."""
    flips = dict(
        type="TestTimeAug",
        transforms=[
            [dict(FLIP, prob=1.0), dict(FLIP, prob=0.0)],
            [dict(type="PackDetInputs")],
        ],
    )
    given = panoptic(RESIZE, SEGMENTS, flips)
    message = (
        r"^PackDetInputs in .* would pack numbers of segments .*--tta puts its own"
    )
    with pytest.raises(ValueError, match=message):
        check_pipelines(given, evaluated=True)


def test_flipped_label_maps_are_refused_where_views_are_averaged():
    flipped = semantic(views([LABELS], BOTH[::-1]))
    with pytest.raises(ValueError, match=f"^RandomFlip in .*{ANNOTATION}"):
        check_pipelines(flipped, evaluated=True)


def test_mirrored_views_say_that_they_are_mirrored():
    pack = dict(PACK_LABELS, meta_keys=("img_shape", "ori_shape", "flip_direction"))
    flips = dict(type="TestTimeAug", transforms=[BOTH, [LABELS], [pack]])
    given = semantic(flips)
    with pytest.raises(ValueError, match=r"^PackSegInputs in .* without flip: "):
        check_pipelines(given, evaluated=True)
    flips["transforms"][0] = BOTH[:1]  # no view is mirrored
    check_pipelines(semantic(flips), evaluated=True)


@pytest.mark.parametrize("label", [255, 256])
def test_files_of_16_bits_are_refused_where_8_bits_of_a_label_are_kept(label, tmp_path):
    """256 would be trained as 0; void, 65535, becomes 255."""
    labels = np.array([[0, 1], [label, 65535]], np.uint16)
    Image.fromarray(labels).save(tmp_path / "a.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "a.jpg")
    folders = dict(img_path=str(tmp_path), seg_map_path=str(tmp_path))
    given = BaseSegDataset(
        metainfo=dict(classes=("a", "b")),
        data_prefix=folders,
        pipeline=[LOAD, dict(type="mmseg.LoadAnnotations"), PACK_LABELS],
    )
    if label == 255:
        check_pipelines(given, evaluated=True)
        assert given[0]["data_samples"].gt_sem_seg.data.unique().tolist() == [0, 1, 255]
        return
    message = (
        r"^LoadAnnotations .* keeps 8 bits .*a\.png has the label 256: .*LoadLabel"
    )
    with pytest.raises(ValueError, match=message):
        check_pipelines(given, evaluated=True)


@pytest.mark.parametrize("evaluated", [False, True])
def test_transforms_get_images_of_the_type_that_is_loaded(evaluated, monkeypatch):
    told = []
    monkeypatch.setattr(
        pipeline_trials, "print_log", lambda text, **_: told.append(text)
    )
    scale = dict(type="mmseg_maskformer.ScaleIntensity", white=4095)
    steps = [LOAD | dict(to_float32=True), scale, LABELS, PACK_LABELS]
    check_pipelines(dataset("mmseg", steps), evaluated=evaluated)
    assert not told
