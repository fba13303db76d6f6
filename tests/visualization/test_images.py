"""Images of any number of channels, as people see them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import VISUALIZERS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from mmseg_maskformer.visualization.images import picture_of, picture_of_input

ROW = [[10, 20, 30, 40, 50, 60]]  # one pixel of six channels
META = dict(classes=["a", "b"], palette=[[200, 0, 0], [0, 0, 200]])


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(1, [10] * 3), (2, [10] * 3), (3, [10, 20, 30]), (6, [10, 20, 30])],
)
def test_colours_are_the_first_three_or_grey(channels, expected):
    image = np.array([ROW], np.uint8)[..., :channels]
    assert picture_of(image).tolist() == [[expected]]
    inputs = torch.from_numpy(image).permute(2, 0, 1)
    order = slice(None, None, -1 if channels == 3 else 1)  # blue first, as hosts pack
    assert picture_of_input(inputs).tolist() == [[expected[order]]]
    assert picture_of(image[..., 0]).tolist() == [[[10] * 3]]


def test_numbers_are_brought_to_8_bits():
    assert picture_of(np.array([[65535]], np.uint16)).tolist() == [[[255] * 3]]
    assert picture_of(np.array([[256]], np.uint16)).tolist() == [[[1] * 3]]
    floats = np.array([[-3.0, 1.6, 300.0]], np.float32)
    assert picture_of(floats)[0, :, 0].tolist() == [0, 2, 255]


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_the_visualizer_is_handed_three_channels(channels):
    image = np.random.default_rng(0).integers(256, size=(32, 32, channels))
    image = image.astype(np.uint16) * 257
    sample = SegDataSample()
    sample.pred_sem_seg = PixelData(data=torch.arange(2).repeat(1, 32, 16))
    config = dict(type="mmseg_maskformer.SemanticVisualizer", name=f"of {channels}")
    ours, host = VISUALIZERS.build(config), SegLocalVisualizer(name=f"host {channels}")
    for visualizer, given in ((ours, image), (host, picture_of(image))):
        visualizer.dataset_meta = META
        visualizer.add_datasample("x", given, sample)
    assert np.array_equal(ours.get_image(), host.get_image())
