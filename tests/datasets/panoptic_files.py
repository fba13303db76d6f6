"""A panoptic data set of two images in COCO's layout.

Ids as in the files, 65536 B + 256 G + R, and what `labels` makes of the categories.
The files are written without mmdet; only what reads them needs it.
"""

from __future__ import annotations

import copy
import json

import numpy as np
from mmengine.registry import DATASETS, TRANSFORMS, DefaultScope
from PIL import Image

CELL, FIBRE, GROUND = 7, 3, 9  # category ids; classes 0, 1, 2 by the file's order
CATEGORIES = [
    dict(id=CELL, name="cell", isthing=1),
    dict(id=FIBRE, name="fibre", isthing=1),
    dict(id=GROUND, name="ground", isthing=0),
]
METAINFO = dict(
    classes=("cell", "fibre", "ground"),
    thing_classes=("cell", "fibre"),
    stuff_classes=("ground",),
    palette=[(9, 0, 0), (0, 9, 0), (0, 0, 9)],
)
RED, GREEN, BLUE = 5, 256, 2 * 65536 + 3  # ids that need one channel each, and two
MAPS = {
    "first.png": [[0, RED, RED, GREEN], [BLUE, BLUE, BLUE, GREEN]],
    "second.png": [[RED, RED, RED, RED], [RED, RED, RED, RED]],
}


def segment(number, category, bbox, area, iscrowd=0):
    keys = ("id", "category_id", "bbox", "area", "iscrowd")
    return dict(zip(keys, (number, category, bbox, area, iscrowd), strict=True))


CONTENT = dict(
    images=[
        dict(id=1, file_name="a.jpg", height=2, width=4),
        dict(id=2, file_name="b.jpg", height=2, width=4),
    ],
    categories=CATEGORIES,
    annotations=[
        dict(
            image_id=1,
            file_name="first.png",
            segments_info=[
                segment(BLUE, GROUND, [0, 1, 3, 1], 3),
                segment(GREEN, FIBRE, [3, 0, 1, 2], 2, iscrowd=1),
                segment(RED, CELL, [1, 0, 2, 1], 2),
            ],
        ),
        dict(
            image_id=2,
            file_name="second.png",
            segments_info=[segment(RED, FIBRE, [0, 0, 4, 2], 8)],
        ),
    ],
)


def content():
    """A copy of the annotation file, to be changed."""
    return copy.deepcopy(CONTENT)


def write_map(path, ids):
    """Write a panoptic PNG; (H, W) ids."""
    ids = np.asarray(ids)
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)
    Image.fromarray(colours.astype(np.uint8)).save(path)


def write_set(root, annotations=CONTENT, maps=MAPS):
    """Write the annotation file, the maps and the images, white with a red corner."""
    for name in ("images", "maps"):
        (root / name).mkdir()
    (root / "all.json").write_text(json.dumps(annotations))
    for name, ids in maps.items():
        write_map(root / "maps" / name, ids)
    for image in annotations.get("images", ()):
        size = (image["width"], image["height"])
        Image.new("RGB", size, (255, 255, 255)).save(
            root / "images" / image["file_name"]
        )


def build(root, kind="mmseg_maskformer.CocoPanopticDataset", **options):
    """The data set of these files; `kind` names its class."""
    config = dict(
        type=kind,
        data_root=str(root),
        ann_file="all.json",
        data_prefix=dict(img="images", seg="maps"),
        metainfo=METAINFO,
        pipeline=[],
    )
    with DefaultScope.overwrite_default_scope("mmdet"):
        return DATASETS.build({**config, **options})


def loaded(dataset, index=0):
    """The entry of an image after `LoadPanopticMap`."""
    load = TRANSFORMS.build(dict(type="mmseg_maskformer.LoadPanopticMap"))
    return load(dataset.get_data_info(index))


def with_image(results):
    """Results with an image that shows the number of each pixel's segment."""
    numbers = results["gt_seg_map"].astype(int)
    image = np.stack([numbers % 256, numbers // 256, numbers * 0], axis=-1)
    size = numbers.shape
    return results | dict(img=image.astype(np.uint8), img_shape=size, ori_shape=size)


def packed(results, **options):
    pack = dict(type="mmseg_maskformer.PackPanopticInputs", **options)
    return TRANSFORMS.build(pack)(with_image(results))["data_samples"]


def many_segments(path, number=300):
    """Results of a map whose every pixel is a segment; ids fall while places rise."""
    ids = np.arange(number, 0, -1) * 977
    write_map(path, ids.reshape(15, -1))
    segments = [dict(id=int(x), category=i % 3, is_thing=1) for i, x in enumerate(ids)]
    return dict(seg_map_path=str(path), segments_info=segments)


def painted(ids):
    return lambda root: write_map(root / "maps" / "first.png", ids)
