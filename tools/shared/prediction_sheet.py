"""Sheets of images, their label maps and predictions, with NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image, ImageDraw

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.visualization.fonts import readable
from mmseg_maskformer.visualization.images import picture_of_input
from mmseg_maskformer.visualization.panoptic_drawing import (
    Palette,
    encoded_truth,
    overlay,
)

GAP = 4  # pixels between tiles
LINE = 14  # height of a line of text
_VOID_COLOUR = (0, 0, 0)


class Row(NamedTuple):
    """What a row of a sheet shows; labels are painted beside the image."""

    image: np.ndarray  # (h, w, 3) uint8, RGB
    truth: np.ndarray  # (H, W) labels
    prediction: np.ndarray  # (H, W) labels

    def tiles(
        self, size: tuple[int, int], classes: Sequence[str], palette: Palette
    ) -> list[Image.Image]:
        """Image, truth and prediction of a width and height."""
        image = _resized(self.image, size, Image.Resampling.BICUBIC)
        maps = (self.truth, self.prediction)
        return [image, *(self.painted(image, x, classes, palette) for x in maps)]

    def painted(
        self,
        image: Image.Image,
        labels: np.ndarray,
        classes: Sequence[str],
        palette: Palette,
    ) -> Image.Image:
        """A map in the colours of its classes; what is no class is black."""
        colours = np.array([*palette, _VOID_COLOUR], dtype=np.uint8)
        void = len(palette)
        labels = np.where((labels < 0) | (labels > void), void, labels)
        return _resized(colours[labels], image.size)

    def labels(self) -> np.ndarray:
        """Labels that occur, void among them."""
        return np.union1d(self.truth, self.prediction)


class PanopticRow(Row):
    """A row whose maps hold class + 1000 * object; they are painted over the image."""

    def painted(
        self,
        image: Image.Image,
        labels: np.ndarray,
        classes: Sequence[str],
        palette: Palette,
    ) -> Image.Image:
        """The overlay of a map; void shows the image."""
        encoded = np.asarray(_resized(labels.astype(np.int32), image.size))
        return Image.fromarray(overlay(np.asarray(image), encoded, classes, palette))

    def labels(self) -> np.ndarray:
        """Classes that occur, void among them."""
        return np.unique(super().labels() % INSTANCE_OFFSET)


def size_at_width(pixels: np.ndarray, width: int) -> tuple[int, int]:
    """``width`` and the height that an image (H, W, ...) then has, at least a pixel."""
    return width, max(1, round(width * pixels.shape[0] / pixels.shape[1]))


@torch.no_grad()
def predict_rows(model: Any, dataset: Any, indices: Sequence[int]) -> list[Row]:
    """Predict samples of a data set of the host.

    Args:
        model: a segmentor or panoptic detector of the host.
        dataset: its pipeline packs as the model needs it, as loaded.
        indices: of the samples.
    """
    model.eval()
    rows = []
    for index in indices:
        batch = pseudo_collate([dataset[index]])
        image = picture_of_input(batch["inputs"][0])
        sample = model.test_step(batch)[0]
        rows.append(_row(image, sample, len(metainfo_of(dataset)["classes"])))
    return rows


def _row(image: np.ndarray, sample: Any, num_classes: int) -> Row:
    """The maps of a sample that a model has predicted."""
    is_panoptic = "pred_panoptic_seg" in sample
    needed = {"gt_segment_map"} if is_panoptic else {"gt_sem_seg", "pred_sem_seg"}
    if missing := needed - set(sample.keys()):
        raise ValueError(
            "A sheet shows truth and prediction, and the samples have no "
            f"{' and no '.join(sorted(missing))}: it needs a semantic or panoptic "
            "model and labelled images."
        )
    if is_panoptic:
        truth = encoded_truth(sample, num_classes)
        prediction = sample.pred_panoptic_seg.sem_seg[0].cpu().numpy()
        return PanopticRow(image, truth, prediction)
    fields = (sample.gt_sem_seg, sample.pred_sem_seg)
    return Row(image, *(field.data[0].cpu().numpy() for field in fields))


def prediction_sheet(
    rows: Sequence[Row],
    classes: Sequence[str],
    palette: Palette,
    width: int = 192,
) -> Image.Image:
    """One row per sample: image, truth, prediction; below, the classes that occur.

    Args:
        rows: at least one.
        classes: name of each label.
        palette: colour of each label.
        width: of a tile, in pixels.
    """
    strips = [
        _strip(row.tiles(size_at_width(row.prediction, width), classes, palette))
        for row in rows
    ]
    labels = np.unique(np.concatenate([row.labels() for row in rows]))
    labels = labels[(labels >= 0) & (labels < len(classes))]
    total = strips[0].width
    legend = _legend(labels, classes, palette, total)
    return _stacked([_header(total, width), *strips, legend])


def _resized(
    pixels: np.ndarray,
    size: tuple[int, int],
    method: Image.Resampling = Image.Resampling.NEAREST,
) -> Image.Image:
    return Image.fromarray(pixels).resize(size, method)


def _strip(tiles: Sequence[Image.Image]) -> Image.Image:
    """Tiles of one size in a row."""
    width, height = tiles[0].size
    strip = Image.new("RGB", (len(tiles) * (width + GAP) - GAP, height), "white")
    for column, tile in enumerate(tiles):
        strip.paste(tile, (column * (width + GAP), 0))
    return strip


def _header(total: int, width: int) -> Image.Image:
    header = Image.new("RGB", (total, LINE), "white")
    draw = ImageDraw.Draw(header)
    for column, text in enumerate(("image", "truth", "prediction")):
        draw.text((column * (width + GAP) + 2, 0), text, fill="black")
    return header


def _legend(
    labels: np.ndarray,
    classes: Sequence[str],
    palette: Palette,
    total: int,
) -> Image.Image:
    """Colour and name of each label, in columns as wide as the longest name."""
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    names, font = readable(classes)
    longest = max((probe.textlength(names[x], font) for x in labels), default=0)
    cell = int(longest) + LINE + 12
    columns = max(1, total // cell)
    lines = -(-len(labels) // columns)
    legend = Image.new("RGB", (total, lines * (LINE + 2)), "white")
    draw = ImageDraw.Draw(legend)
    for place, label in enumerate(labels):
        x, y = place % columns * cell, place // columns * (LINE + 2)
        draw.rectangle((x + 2, y + 2, x + 12, y + 12), fill=tuple(palette[label]))
        draw.text((x + LINE + 2, y + 1), names[label], font=font, fill="black")
    return legend


def _stacked(parts: Sequence[Image.Image]) -> Image.Image:
    height = sum(part.height + GAP for part in parts) - GAP
    sheet = Image.new("RGB", (parts[0].width, height), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + GAP
    return sheet
