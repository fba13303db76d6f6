"""MMDetection's visualizer hands panoptic maps to the overlay and the rest through."""

from __future__ import annotations

import mmcv
import numpy as np
import pytest
import torch
from mmengine.registry import VISUALIZERS
from mmengine.structures import InstanceData, PixelData

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer

from mmseg_maskformer.visualization import panoptic_drawing
from mmseg_maskformer.visualization.panoptic_drawing import overlay

pytestmark = pytest.mark.mmdet
META = dict(classes=["nut", "sky"], palette=[(250, 250, 250), (200, 40, 0)])


@pytest.fixture
def visualizer(tmp_path, monkeypatch):
    monkeypatch.setattr(panoptic_drawing, "LEAST_SIDE", 64)
    config = dict(
        type="mmseg_maskformer.PanopticVisualizer",
        name=f"of {tmp_path}",
        vis_backends=[dict(type="LocalVisBackend")],
        save_dir=str(tmp_path),
    )
    built = VISUALIZERS.build(config)
    built.dataset_meta = META
    return built


def example():
    """An image, its truth and its result in MMDetection's encoding, and the sample."""
    image = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    numbers = torch.ones(1, 64, 64, dtype=torch.uint8)
    numbers[:, 20:40, 20:40] = 2
    numbers[:, 50:] = 0
    result = torch.ones(1, 64, 64, dtype=torch.int32)
    result[:, 22:40, 20:40] = 1000
    sample = DetDataSample(metainfo=dict(img_path="data/street.jpg"))
    sample.gt_segment_map = PixelData(data=numbers)
    sample.gt_segments = InstanceData(
        ids=torch.tensor([1, 2]),
        labels=torch.tensor([1, 0]),
        is_thing=torch.tensor([False, True]),
    )
    sample.pred_panoptic_seg = PixelData(sem_seg=result)
    truth = np.array([2, 1, 1000])[numbers[0]]
    return image, truth, result[0].numpy(), sample


def painted(image, encoded):
    return overlay(image, encoded, META["classes"], META["palette"])


def test_truth_and_result_stand_beside_each_other(visualizer, tmp_path):
    image, truth, result, sample = example()
    path = tmp_path / "both.png"
    visualizer.add_datasample("x", image, sample, out_file=str(path))
    expected = np.hstack([painted(image, truth), painted(image, result)])
    assert np.array_equal(mmcv.imread(path, channel_order="rgb"), expected)


def test_samples_of_arrays_are_drawn_as_those_of_tensors(visualizer, tmp_path):
    """MMDetection's browse_dataset.py hands ``sample.numpy()``."""
    image, truth, result, sample = example()
    path = tmp_path / "both.png"
    visualizer.add_datasample("x", image, sample.numpy(), out_file=str(path))
    expected = np.hstack([painted(image, truth), painted(image, result)])
    assert np.array_equal(mmcv.imread(path, channel_order="rgb"), expected)


def test_results_of_an_array_have_no_name_of_a_file(visualizer, tmp_path):
    """As DetInferencer makes them of an array."""
    image, _, result, sample = example()
    sample.set_metainfo(dict(img_path=None))
    visualizer.add_datasample("x", image, sample, draw_gt=False, step=3)
    assert np.array_equal(visualizer.get_image(), painted(image, result))
    (path,) = tmp_path.rglob("*.png")
    assert path.name == "x_3.png"


def test_result_alone_is_drawn_where_there_is_no_truth(visualizer):
    image, _, result, sample = example()
    del sample.gt_segment_map
    visualizer.add_datasample("x", image, sample)
    assert np.array_equal(visualizer.get_image(), painted(image, result))


def test_truth_alone_is_drawn_where_there_is_no_result(visualizer):
    image, truth, _, sample = example()
    del sample.pred_panoptic_seg
    visualizer.add_datasample("x", image, sample)
    assert np.array_equal(visualizer.get_image(), painted(image, truth))


def test_a_palette_may_be_left_to_the_host(visualizer):
    image, _, _, sample = example()
    for palette in (None, "random", META["palette"][:1]):
        visualizer.dataset_meta = {**META, "palette": palette}
        visualizer.add_datasample("x", image, sample, draw_gt=False)
        assert (visualizer.get_image() != image).any()


def test_small_images_are_enlarged(visualizer, monkeypatch):
    monkeypatch.setattr(panoptic_drawing, "LEAST_SIDE", 100)
    image, truth, _, sample = example()
    visualizer.add_datasample("x", image, sample, draw_pred=False)
    twice = (x.repeat(2, axis=0).repeat(2, axis=1) for x in (image, truth))
    assert np.array_equal(visualizer.get_image(), painted(*twice))


def test_pictures_are_named_after_their_images(visualizer, tmp_path):
    image, _, _, sample = example()
    visualizer.add_datasample("test_img", image, sample, step=3)
    (path,) = tmp_path.rglob("*.png")
    assert path.name == "test_img_street_3.png"


def test_pictures_of_instances_are_named_after_their_images_too(visualizer, tmp_path):
    image, *_ = example()
    sample = DetDataSample(metainfo=dict(img_path="data/street.jpg"))
    visualizer.add_datasample("test_img", image, sample, step=3)
    (path,) = tmp_path.rglob("*.png")
    assert path.name == "test_img_street_3.png"


def test_samples_without_panoptic_result_are_drawn_by_the_host(visualizer):
    image, *_ = example()
    sample = DetDataSample()
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[5.0, 5, 30, 40]]),
        labels=torch.tensor([0]),
        scores=torch.tensor([0.9]),
    )
    host = DetLocalVisualizer(alpha=0.6)
    host.dataset_meta = META
    for one in (visualizer, host):
        one.add_datasample("x", image, sample, draw_gt=False)
    assert np.array_equal(visualizer.get_image(), host.get_image())
    assert not np.array_equal(visualizer.get_image(), image)
