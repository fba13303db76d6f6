"""Mapillary Vistas: classes, label maps with a palette, scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, METRICS, DefaultScope
from mmseg.datasets import MapillaryDataset_v1
from PIL import Image

from mmseg_maskformer.datasets.mapillary import MapillaryVistasDataset

META = MapillaryVistasDataset.METAINFO
LABELS = np.uint8([[0, 0, 13, 13], [64, 64, 65, 65]])


@pytest.fixture
def root(tmp_path):
    """A data set of one image; label maps of the release are palette images."""
    for folder in ("images", "labels"):
        (tmp_path / "validation" / folder).mkdir(parents=True)
    image = Image.new("RGB", (4, 2), (10, 20, 30))
    image.save(tmp_path / "validation" / "images" / "a.jpg")
    labels = Image.fromarray(LABELS).convert("P")
    labels.putpalette([v for colour in META["palette"] for v in colour] + [0, 0, 0])
    labels.save(tmp_path / "validation" / "labels" / "a.png")
    return tmp_path


def dataset(root, pipeline, **kwargs):
    config = dict(
        type="mmseg_maskformer.MapillaryVistasDataset",
        data_root=str(root / "validation"),
        data_prefix=dict(img_path="images", seg_map_path="labels"),
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="mmseg_maskformer.LoadLabelMap"),
            *pipeline,
        ],
        **kwargs,
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        return DATASETS.build(config)


def test_classes_and_colours_are_those_of_the_host_without_the_last():
    host = MapillaryDataset_v1.METAINFO
    assert len(META["classes"]) == 65
    assert META["classes"] == tuple(host["classes"][:65])
    assert META["palette"] == host["palette"][:65]
    assert host["classes"][65] == "Unlabeled"


def test_labels_are_read_and_padded(root):
    pad = dict(type="Pad", size=(5, 3), pad_val=dict(img=128, seg=65))
    found = dataset(root, pipeline=[pad, dict(type="PackSegInputs")])
    assert found.ignore_index == 65
    labels = found[0]["data_samples"].gt_sem_seg.data[0].tolist()
    expected = [[0, 0, 13, 13, 65], [64, 64, 65, 65, 65], [65] * 5]
    assert labels == expected


def test_classes_left_out_become_the_ignored_label(root):
    classes = [META["classes"][64], META["classes"][0]]
    found = dataset(root, pipeline=[], metainfo=dict(classes=classes))
    labels = found[0]["gt_seg_map"].tolist()
    assert labels == [[1, 1, 65, 65], [0, 0, 65, 65]]
    palette = found.metainfo["palette"]
    assert palette == [META["palette"][64], META["palette"][0]]


def test_host_metric_leaves_unlabeled_pixels_out():
    with DefaultScope.overwrite_default_scope("mmseg"):
        metric = METRICS.build(dict(type="IoUMetric", ignore_index=65))
    metric.dataset_meta = META
    guess = torch.tensor([[0, 13, 13, 13], [64, 64, 64, 0]])
    truth = torch.from_numpy(LABELS)
    sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=guess))
    metric.process({}, [sample])
    found = metric.compute_metrics(metric.results)
    # Without the last two pixels: IoU of 0, 13, 64 is 1/2, 2/3, 2/2; mean 13/18.
    assert found["mIoU"] == pytest.approx(72.22)
    assert found["mAcc"] == pytest.approx(83.33)  # 1/2, 1, 1
    assert found["aAcc"] == pytest.approx(83.33)  # 5 of 6
