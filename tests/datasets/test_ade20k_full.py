"""ADE20K-Full: classes, 16-bit label maps through a pipeline, scores."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, METRICS, DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.ade20k_full import ADE20KFullDataset
from mmseg_maskformer.datasets.ade20k_full_classes import CLASSES

PREFIX = dict(
    img_path="images_detectron2/training",
    seg_map_path="annotations_detectron2/training",
)
LOAD = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadLabelMap"),
]
TRAIN = [
    *LOAD,
    dict(
        type="RandomChoiceResize",
        scales=[(64, 16)],
        resize_type="mmseg_maskformer.ResizeWithLabels",
        keep_ratio=True,
    ),
    dict(type="RandomCrop", crop_size=(16, 16)),
    dict(type="Pad", size=(20, 20), pad_val=dict(img=128, seg=65535)),
    dict(type="PackSegInputs"),
]


def labels_in_rows():
    """Class 300 in the upper half of 8 x 12 pixels, 846 below, the last row ignored."""
    labels = np.repeat(np.uint16([300, 846]), 4)[:, None].repeat(12, axis=1)
    labels[7, :] = 65535
    return labels


def write_with_pillow(path, labels):
    Image.fromarray(labels).save(path)


def write_with_opencv(path, labels):
    assert cv2.imwrite(str(path), labels)


@pytest.fixture(params=[write_with_pillow, write_with_opencv])
def root(request, tmp_path):
    """A data set of one image; its TIFF is written by either library."""
    for folder in PREFIX.values():
        (tmp_path / folder).mkdir(parents=True)
    image = Image.new("RGB", (12, 8), (10, 20, 30))
    image.save(tmp_path / PREFIX["img_path"] / "ADE_train_00000001.jpg")
    labels = tmp_path / PREFIX["seg_map_path"] / "ADE_train_00000001.tif"
    request.param(labels, labels_in_rows())
    return tmp_path


def dataset(root, pipeline, **kwargs):
    config = dict(
        type="mmseg_maskformer.ADE20KFullDataset",
        data_root=str(root),
        data_prefix=PREFIX,
        pipeline=pipeline,
        **kwargs,
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        return DATASETS.build(config)


def test_classes_are_those_of_the_release():
    classes = ADE20KFullDataset.METAINFO["classes"]
    assert len(set(classes)) == 847
    assert classes[:3] == ("wall", "building, edifice", "sky")
    assert [int(row["train_id"]) for row in CLASSES] == list(range(847))
    indices = [int(row["ade_index"]) for row in CLASSES]
    assert indices[:4] == [2978, 312, 2420, 2855]  # wall, building, sky, tree
    assert len(set(indices)) == 847
    assert len(ADE20KFullDataset.METAINFO["palette"]) == 847


def test_labels_above_255_are_read_whole(root):
    sample = dataset(root, pipeline=LOAD)[0]
    assert sample["gt_seg_map"].dtype == np.uint16
    assert np.array_equal(sample["gt_seg_map"], labels_in_rows())


def test_labels_above_255_survive_training_pipeline(root):
    found = dataset(root, pipeline=TRAIN)
    assert found.ignore_index == 65535
    labels = found[0]["data_samples"].gt_sem_seg.data[0]
    # Twice the size, 16 x 24: rows 0-7 are 300, 8-13 are 846, 14-15 ignored; the crop
    # takes 16 of the 24 columns, the rest of 20 x 20 is padding.
    assert (labels[:8, :16] == 300).all()
    assert (labels[8:14, :16] == 846).all()
    assert (labels == 65535).sum() == 400 - 14 * 16
    image = found[0]["inputs"]
    assert image.shape == (3, 20, 20)
    assert (image[:, 16:] == 128).all()


def test_choice_of_classes_leaves_the_others_to_65535(root):
    names = ADE20KFullDataset.METAINFO["classes"]
    chosen = dataset(root, pipeline=LOAD, metainfo=dict(classes=[names[846], names[0]]))
    labels = chosen[0]["gt_seg_map"]
    expected = np.repeat([65535, 0, 65535], [4, 3, 1])
    assert np.array_equal(labels, expected[:, None].repeat(12, axis=1))


def test_choice_of_more_classes_than_the_host_can_mark_is_a_sentence(root):
    names = ADE20KFullDataset.METAINFO["classes"]
    most = dataset(root, pipeline=LOAD, metainfo=dict(classes=names[-255:]))
    # 846 is the last of 255, label 254; 300 and the ignored row are left out.
    assert most[0]["gt_seg_map"][:, 0].tolist() == [65535] * 4 + [254] * 3 + [65535]
    with pytest.raises(ValueError, match="chooses 256 classes.*choose 255 at most"):
        dataset(root, pipeline=LOAD, metainfo=dict(classes=names[-256:]))


def test_host_metric_counts_wide_labels():
    with DefaultScope.overwrite_default_scope("mmseg"):
        metric = METRICS.build(dict(type="IoUMetric", ignore_index=65535))
    metric.dataset_meta = ADE20KFullDataset.METAINFO
    truth = torch.tensor([[0, 0, 846, 846, 300, 65535]])
    guess = torch.tensor([[0, 846, 846, 846, 0, 0]])
    sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=guess))
    metric.process({}, [sample])
    found = metric.compute_metrics(metric.results)
    # Without the last pixel: IoU of 0, 300, 846 is 1/3, 0/1, 2/3; accuracy 1/2, 0, 1.
    assert found["mIoU"] == pytest.approx(33.33)
    assert found["mAcc"] == pytest.approx(50.0)
    assert found["aAcc"] == pytest.approx(60.0)  # 3 of 5
