"""The data set of scenes, in the host's pipelines."""

from __future__ import annotations

import pickle

import mmcv
import numpy as np
import pytest
from mmengine import fileio
from mmengine.registry import DATASETS, DefaultScope

from mmseg_maskformer.datasets.scenes.rendering import SceneRenderer
from mmseg_maskformer.datasets.scenes.semantic import ScenesDataset


def build(**kwargs):
    """A data set as a config names it."""
    config = dict(type="mmseg_maskformer.ScenesDataset", num_images=12, **kwargs)
    with DefaultScope.overwrite_default_scope("mmseg"):
        return DATASETS.build(config)


def test_dataset_gives_bgr_image_and_labels():
    sample = build(pipeline=[dict(type="PackSegInputs")], seed=3)[4]
    scene = SceneRenderer().render(3, 4)
    rgb = sample["inputs"].numpy()[::-1].transpose(1, 2, 0)
    assert np.array_equal(rgb, scene.image)
    labels = sample["data_samples"].gt_sem_seg.data[0].numpy()
    assert np.array_equal(labels, scene.semantic)
    path = "scenes://things6-stuff6/128x128-noise0.03/seed3/000004.png"
    assert sample["data_samples"].img_path == path


@pytest.mark.parametrize("scene", [{}, dict(num_things=9, size=(40, 64), noise=0)])
def test_path_of_a_scene_can_be_opened(scene):
    """By whoever reads files through the host, as its visualization hooks do."""
    sample = build(pipeline=[], seed=7, scene=scene)[5]
    image = mmcv.imfrombytes(fileio.get(sample["img_path"]))
    assert np.array_equal(image, sample["img"])


def test_path_of_no_scene_is_a_sentence():
    with pytest.raises(FileNotFoundError, match=r"scenes://mine names no scene"):
        fileio.get("scenes://mine")


def test_many_classes_survive_the_host_pipeline():
    pipeline = [
        dict(type="RandomResize", scale=(96, 64), ratio_range=(0.7, 1.5)),
        dict(type="RandomCrop", crop_size=(48, 48)),
        dict(type="RandomFlip", prob=1.0),
        dict(type="PhotoMetricDistortion"),
        dict(type="Pad", size=(64, 64), pad_val=dict(img=128, seg=65535)),
        dict(type="PackSegInputs"),
    ]
    scene = dict(num_things=100, num_stuff=747, size=(64, 96), void_width=2)
    dataset = build(pipeline=pipeline, scene=scene)
    assert dataset.ignore_index == 65535
    assert len(dataset.metainfo["classes"]) == 847
    found = np.concatenate(
        [np.unique(sample["data_samples"].gt_sem_seg.data) for sample in dataset]
    )
    wide = found[(found > 255) & (found < 847)]
    assert len(np.unique(wide)) > 15
    assert set(found[found >= 847]) == {65535}


def test_dataset_is_the_same_after_pickling_and_slicing():
    dataset = build(pipeline=[])
    copied = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(dataset[5]["img"], copied[5]["img"])
    part = build(pipeline=[], indices=[5])
    assert len(part) == 1
    assert np.array_equal(part[0]["img"], dataset[5]["img"])


def test_dataset_refuses_an_empty_length():
    with pytest.raises(ValueError, match="num_images=0"):
        ScenesDataset(num_images=0)
