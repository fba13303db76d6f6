"""Pipelines of either host, as data sets hold them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

LOAD = dict(type="mmseg_maskformer.LoadImage")
LABELS = dict(type="mmseg_maskformer.LoadLabelMap")
SEGMENTS = dict(type="mmseg_maskformer.LoadPanopticMap")
PACK_LABELS = dict(type="mmseg.PackSegInputs")
PACK_SEGMENTS = dict(type="mmseg_maskformer.PackPanopticInputs")
BOXES = dict(type="LoadAnnotations", with_bbox=True)
MASKS = dict(type="LoadAnnotations", with_bbox=True, with_mask=True)
FLIP = dict(type="RandomFlip", prob=0.5)
RESIZE = dict(
    type="mmseg_maskformer.ResizeWithLabels", scale=(1333, 800), keep_ratio=True
)


def dataset(scope, pipeline, **options):
    """What the check sees of a data set."""
    with DefaultScope.overwrite_default_scope(scope):
        built = Compose(pipeline)
    of_mmseg = dict(ignore_index=255, reduce_zero_label=False)
    given = dict(
        pipeline=built,
        metainfo=dict(classes=tuple("abcdefghij")),
        ann_file="x.json",
        test_mode=False,
        **(of_mmseg if scope == "mmseg" else {}),
    )
    return SimpleNamespace(**{**given, **options})


def semantic(*steps, **options):
    return dataset("mmseg", [LOAD, *steps, PACK_LABELS], **options)


def panoptic(*steps):
    pytest.importorskip("mmdet")
    return dataset("mmdet", [LOAD, *steps, PACK_SEGMENTS])


def instance(*steps, **options):
    pytest.importorskip("mmdet")
    return dataset("mmdet", [LOAD, *steps, dict(type="PackDetInputs")], **options)
