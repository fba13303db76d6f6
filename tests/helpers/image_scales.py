"""Images that a pipeline resizes."""

from __future__ import annotations

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

PACK = dict(type="PackSegInputs")


class Images:
    """Three images of 120 x 160 pixels, drawn by the data set as scenes are."""

    def __init__(self, *steps):
        with DefaultScope.overwrite_default_scope("mmseg"):
            self.pipeline = Compose([*steps, PACK])

    def __len__(self):
        return 3

    def get_data_info(self, index):
        pixels = np.zeros((120, 160, 3), np.uint8)
        labels = dict(gt_seg_map=pixels[..., 0], seg_fields=["gt_seg_map"])
        size = dict(img_shape=(120, 160), ori_shape=(120, 160))
        return dict(img_path="", img=pixels, **size, **labels)


def resizing(factor, kind="Resize", **options):
    return dict(type=kind, scale_factor=factor, keep_ratio=True, **options)
