"""Images from label maps, and two of known panoptic quality."""

from __future__ import annotations

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

FOUR_CLASSES = {"classes": ("sky", "road", "car", "tree")}


def labelled_sample(predicted, true):
    """A data sample of an image from its (H, W) label maps."""
    found = SegDataSample(metainfo={"img_path": "a.jpg"})
    found.pred_sem_seg = PixelData(data=torch.as_tensor(predicted)[None])
    found.gt_sem_seg = PixelData(data=torch.as_tensor(true)[None])
    return found


def images_of_known_quality():
    """Two images whose qualities are known.

    First: sky 3/4; road 1/2, no match; car 1/1, two of its pixels lie on void.
    Second: sky 4/5; car wrong; road missed.
    Sums: sky 2 TP of 1.55; road 1 FP, 2 FN; car 1 TP of 1, 1 FP; tree never.
    """
    return [
        labelled_sample([[0, 0, 0, 1], [1, 2, 2, 2]], [[0, 0, 0, 0], [1, 255, 2, 255]]),
        labelled_sample([[0, 0, 0, 0], [2, 2, 2, 2]], [[0, 0, 0, 0], [0, 1, 1, 1]]),
    ]
