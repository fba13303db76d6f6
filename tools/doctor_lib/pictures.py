"""What a config's training pipeline makes of some images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.datasets.image_scales import spread
from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.visualization.images import picture_of_input
from mmseg_maskformer.visualization.panoptic_drawing import encoded_truth, overlay
from shared.prediction_sheet import size_at_width

from .sources import Source

_WIDTH, _COLUMNS = 240, 4


def write_sheet(source: Source, path: Path, count: int) -> str:
    """Write pairs of image and labels of training images, spread over the data set.

    Returns:
        The name of the file; "" where there is no data set, or one of 1000 classes or
        more, or its pipeline fails: the reason is added to the source's problems.
    """
    dataset = source.datasets.get("train")
    if dataset is None or not len(dataset) or not count:
        return ""
    if len(metainfo_of(dataset)["classes"]) >= INSTANCE_OFFSET:
        return ""  # a map could not tell them from objects
    tiles = []
    for index in spread(count, len(dataset)):
        try:
            packed = dataset[index]
        except Exception as error:  # of any transform
            source.problems.append(f"train, image {index}: {error}")
            continue
        tiles += _tiles(packed, metainfo_of(dataset))
    if not tiles:
        return ""
    height = max(tile.height for tile in tiles)
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _WIDTH, rows * height))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(tile, (column * _WIDTH, row * height))
    sheet.save(path, optimize=True)
    return path.name


def _tiles(packed: dict, meta: dict[str, Any]) -> list[Image.Image]:
    """The image, and its labels painted over it."""
    image = picture_of_input(packed["inputs"])
    classes, palette = meta["classes"], meta["palette"]
    painted = overlay(
        image, _encoded(packed["data_samples"], len(classes)), classes, palette
    )
    size = size_at_width(image, _WIDTH)
    return [Image.fromarray(x).resize(size) for x in (image, painted)]


def _encoded(sample: Any, num_classes: int) -> np.ndarray:
    """(H, W) class + 1000 * object of semantic, panoptic and instance labels."""
    if "gt_segment_map" in sample:
        return encoded_truth(sample, num_classes)
    if "gt_sem_seg" in sample:
        labels = sample.gt_sem_seg.data[0].numpy().astype(np.int64)
        return np.minimum(labels, num_classes)
    masks = sample.gt_instances.masks.masks
    labels = sample.gt_instances.labels.numpy()
    encoded = np.full(sample.img_shape[:2], num_classes, dtype=np.int64)
    for number, (mask, label) in enumerate(zip(masks, labels, strict=True), start=1):
        encoded[mask > 0] = label + INSTANCE_OFFSET * number
    return encoded
