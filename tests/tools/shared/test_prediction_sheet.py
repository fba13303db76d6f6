"""Sheets: the right pixels in the right place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmseg_maskformer.datasets.image_scales import spread
from mmseg_maskformer.visualization.panoptic_drawing import overlay
from shared.prediction_sheet import (
    PanopticRow,
    Row,
    predict_rows,
    prediction_sheet,
)

PALETTE = [[200, 10, 10], [10, 200, 10], [10, 10, 200]]
CLASSES = ["red", "green", "blue"]
HEADER, GAP = 14, 4


def row(truth, prediction, image=90):
    shape = (8, 8)
    maps = [np.full(shape, label) for label in (truth, prediction)]
    return Row(np.full((*shape, 3), image, np.uint8), *maps)


def tile(sheet, line, column, size=16):
    top, left = HEADER + GAP + line * (size + GAP), column * (size + GAP)
    return np.asarray(sheet)[top : top + size, left : left + size].reshape(-1, 3)


def test_tiles_are_image_truth_and_prediction():
    rows = [row(0, 1), row(2, 2, image=30)]
    sheet = prediction_sheet(rows, CLASSES, PALETTE, width=16)
    expected = [[[90] * 3, PALETTE[0], PALETTE[1]], [[30] * 3, PALETTE[2], PALETTE[2]]]
    for line in range(2):
        for column in range(3):
            colours = np.unique(tile(sheet, line, column), axis=0)
            assert colours.tolist() == [expected[line][column]]


def test_void_is_black_and_not_in_the_legend():
    sheet = prediction_sheet([row(255, 0), row(-1, 0)], CLASSES, PALETTE, width=16)
    for line in range(2):
        assert np.unique(tile(sheet, line, 1), axis=0).tolist() == [[0, 0, 0]]
    legend = np.asarray(sheet)[HEADER + 2 * (16 + GAP) :].reshape(-1, 3).tolist()
    assert PALETTE[0] in legend
    assert PALETTE[1] not in legend


class Samples(list):
    """Images of one colour, whose truth is their number."""

    metainfo = dict(classes=CLASSES)

    def __getitem__(self, index):
        sample = BaseDataElement()
        sample.gt_sem_seg = PixelData(data=torch.full((1, 2, 2), index))
        image = torch.tensor([1, 2, 3], dtype=torch.uint8).view(3, 1, 1)
        return dict(inputs=image.expand(3, 2, 2), data_samples=sample)


class Model(torch.nn.Module):
    """Guesses the next number."""

    def test_step(self, batch):
        assert not self.training
        (sample,) = batch["data_samples"]
        sample.pred_sem_seg = PixelData(data=sample.gt_sem_seg.data + 1)
        return [sample]


def test_rows_are_spread_over_the_data_set_and_rgb():
    """Ten samples, three rows: the first, one in the middle, the last."""
    rows = predict_rows(Model(), Samples(range(10)), spread(3, 10))
    assert [int(r.truth[0, 0]) for r in rows] == [0, 4, 9]
    assert [int(r.prediction[0, 0]) for r in rows] == [1, 5, 10]
    assert rows[0].image[0, 0].tolist() == [3, 2, 1]
    assert spread(30, 10) == list(range(10))


@pytest.mark.parametrize("missing", ["gt_sem_seg", "gt_segment_map"])
def test_samples_without_truth_are_a_sentence(missing):
    class Unlabelled(Model):
        def test_step(self, batch):
            (sample,) = super().test_step(batch)
            del sample.gt_sem_seg
            if missing == "gt_segment_map":
                sample.pred_panoptic_seg = sample.pred_sem_seg
            return [sample]

    with pytest.raises(ValueError, match=f"the samples have no {missing}: it needs"):
        predict_rows(Unlabelled(), Samples(range(1)), indices=[0])


def test_panoptic_rows_hold_encoded_maps():
    """Segment 7 is the first thing, of class 1; 9 is stuff of class 2; 0 is void."""

    class Panoptic(Model):
        def test_step(self, batch):
            (sample,) = batch["data_samples"]
            sample.gt_segment_map = PixelData(data=torch.tensor([[[7, 9, 0]]]))
            sample.gt_segments = InstanceData(
                ids=torch.tensor([9, 7]),
                labels=torch.tensor([2, 1]),
                is_thing=torch.tensor([False, True]),
            )
            predicted = torch.tensor([[[2, 3, 1001]]])
            sample.pred_panoptic_seg = PixelData(sem_seg=predicted)
            return [sample]

    (row,) = predict_rows(Panoptic(), Samples(range(1)), indices=[0])
    assert row.truth.tolist() == [[1001, 2, 3]]
    assert row.prediction.tolist() == [[2, 3, 1001]]
    assert row.labels().tolist() == [1, 2, 3]


def test_panoptic_tiles_are_overlays():
    image = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    maps = [np.full((64, 64), value) for value in (1001, 2)]
    sheet = prediction_sheet([PanopticRow(image, *maps)], CLASSES, PALETTE, width=64)
    expected = [image, *(overlay(image, x, CLASSES, PALETTE) for x in maps)]
    for column in range(3):
        found = tile(sheet, 0, column, size=64)
        assert np.array_equal(found, expected[column].reshape(-1, 3))
