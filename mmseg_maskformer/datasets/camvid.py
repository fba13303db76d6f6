"""CamVid road scenes in the 11-class form of the SegNet tutorial."""

from __future__ import annotations

from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset


class CamVidDataset(LabelMapDataset):
    """CamVid: 367 train, 101 val and 233 test images of 480 x 360, 11 classes.

    Layout: ``images/{split}/*.jpg`` and ``annotations/{split}/*.png`` (uint8, the value
    is the class, 255 is void). Arguments are those of the host's ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=(
            "sky",
            "building",
            "pole",
            "road",
            "sidewalk",
            "tree",
            "sign",
            "fence",
            "car",
            "pedestrian",
            "bicyclist",
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [0, 0, 192],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )
