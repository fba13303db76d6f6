"""Configs of data sets without labels."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmseg_maskformer.datasets.transforms.label_maps import LoadLabelMap
from mmseg_maskformer.engine.results.unlabelled import evaluate_nothing

LOAD = dict(type="mmseg_maskformer.LoadImage")
FLIP = dict(type="RandomFlip", prob=0.5)
PACK = dict(type="PackSegInputs")


class MyLabels(LoadLabelMap):
    """Of one's own."""


@pytest.mark.parametrize(
    "kind",
    [
        "LoadAnnotations",
        "mmseg_maskformer.LoadLabelMap",
        dict(type="LoadLabelMap", _scope_="mmseg_maskformer"),
        f"{__name__}.MyLabels",
        MyLabels,
        pytest.param("mmseg_maskformer.LoadPanopticMap", marks=pytest.mark.mmdet),
        pytest.param("mmdet.LoadPanopticAnnotations", marks=pytest.mark.mmdet),
    ],
)
def test_steps_that_load_labels_leave_and_others_stay(kind):
    labels = kind if isinstance(kind, dict) else dict(type=kind)
    views = dict(type="TestTimeAug", transforms=[[FLIP], [labels], [PACK]])
    leaf = dict(type="mmseg_maskformer.LabelMapDataset")
    joined = [
        dict(leaf, pipeline=[LOAD, labels, PACK]),
        dict(leaf, pipeline=[LOAD, views]),
    ]
    loader = dict(dataset=dict(type="ConcatDataset", datasets=joined))
    config = Config(
        dict(default_scope="mmseg", test_evaluator=1, test_dataloader=loader)
    )
    evaluate_nothing(config)
    first, second = config.test_dataloader.dataset.datasets
    assert first == dict(leaf, pipeline=[LOAD, PACK])
    assert second.pipeline == [LOAD, dict(views, transforms=[[FLIP], [PACK]])]
