"""Metrics that take the truth from the samples, and those of joined data."""

from __future__ import annotations

import pytest

pytest.importorskip("mmdet")
from mmdet.datasets import ConcatDataset as HostConcatDataset
from mmdet.evaluation.metrics import CocoMetric as HostMetric
from mmengine.dataset import ConcatDataset

from mmseg_maskformer.metrics.coco_metric import CocoMetric
from mmseg_maskformer.metrics.thing_ap import ThingAP
from mmseg_maskformer.metrics.truth_files import check_truth
from tests.perfect import Case

pytestmark = pytest.mark.mmdet


def test_the_hosts_metric_without_a_file_needs_masks(tmp_path):
    case = Case()
    case.write(tmp_path)
    metric = HostMetric(metric="segm")
    check_truth(metric, case.data(tmp_path, "instances"))
    with pytest.raises(
        ValueError, match=r"CocoMetric without ann_file takes .*Give it"
    ):
        check_truth(metric, case.data(tmp_path, "panoptic"))
    check_truth(ThingAP(), case.data(tmp_path, "panoptic"))  # has masks of its own


def test_the_hosts_metric_without_a_file_needs_an_id_for_each_image(tmp_path):
    """Of joined data sets two images of one id would be one, and AP another."""
    case = Case()
    case.write(tmp_path)
    joined = ConcatDataset([case.data(tmp_path, "instances") for _ in range(2)])
    message = (
        r"tells images apart by their ids, and 2 id\(s\) .* evaluated: 1, 2\. Give"
    )
    for metric in ("bbox", "segm"):
        with pytest.raises(ValueError, match=message):
            check_truth(HostMetric(metric=metric), joined)
    check_truth(ThingAP(), joined)


@pytest.mark.parametrize("metric", [CocoMetric, HostMetric])
def test_joined_data_may_differ_in_colours_and_not_in_classes(tmp_path, metric):
    """MMDetection's ConcatDataset has a list of metainfo there."""
    case = Case()
    case.write(tmp_path)
    colours = dict(classes=case.things, palette=[(0, 0, 0), (9, 9, 9)])
    others = dict(classes=(*case.things, "ground"))
    built = metric(ann_file=str(tmp_path / "truth.json"), metric="segm")
    parts = [
        case.data(tmp_path, "instances", **x) for x in ({}, dict(metainfo=colours))
    ]
    joined = HostConcatDataset(parts)
    assert isinstance(joined.metainfo, list)
    built.dataset_meta = joined.metainfo
    check_truth(built, joined)
    joined._metainfo[1] = others
    with pytest.raises(ValueError, match="joins data sets of different classes"):
        built.dataset_meta = joined.metainfo
        check_truth(built, joined)
