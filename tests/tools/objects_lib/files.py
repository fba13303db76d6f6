"""Small data sets as people have them, and what the tool makes of them."""

from __future__ import annotations

import json

import numpy as np
import tifffile
from PIL import Image

IDS = [  # 7 has a hole, 3 has two parts
    [0, 7, 7, 7, 0],
    [0, 7, 0, 7, 3],
    [0, 7, 7, 7, 0],
    [3, 0, 0, 0, 0],
]
LABELS = [  # 1 and 2 are things, 5 is stuff, 255 is void
    [5, 1, 1, 1, 255],
    [5, 1, 1, 1, 2],
    [5, 1, 2, 5, 5],
    [2, 5, 5, 2, 2],
]


def write_image(path, shape):
    """A grey photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", tuple(shape)[1::-1], (90, 90, 90)).save(path)


def write_map(path, numbers, kind="uint8"):
    """A map in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.asarray(numbers).astype(kind)
    if path.suffix == ".npy":
        np.save(path, numbers)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, numbers)
    else:
        Image.fromarray(numbers).save(path)


def add(root, *names, ids=IDS, labels=None):
    """Images with their id maps and, if wanted, their label maps."""
    for name in names:
        write_image(root / "images" / f"{name}.jpg", np.shape(ids))
        write_map(root / "id_maps" / f"{name}.png", ids)
        if labels is not None:
            write_map(root / "annotations" / f"{name}.png", labels)


def content(root, kind, split="train"):
    return json.loads((root / f"{kind}_{split}.json").read_text())


def names(root, split):
    return [x["file_name"] for x in content(root, "panoptic", split)["images"]]


def segments(root, place=0):
    """Category, area, bbox and crowd by id, of the segments of an image."""
    row = content(root, "panoptic")["annotations"][place]
    keys = ("category_id", "area", "bbox", "iscrowd")
    return {x["id"]: tuple(x[key] for key in keys) for x in row["segments_info"]}


def panoptic_map(root, name="a.png"):
    """Ids of a panoptic PNG."""
    colours = np.asarray(Image.open(root / "panoptic_train" / name)).astype(int)
    return colours @ [1, 256, 65536]
