"""Sheets of images, their label maps and predictions, with NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image, ImageDraw

_GAP = 4  # pixels between tiles
_LINE = 14  # height of a line of text
_VOID_COLOUR = (0, 0, 0)


class Row(NamedTuple):
    """What a row of a sheet shows."""

    image: np.ndarray  # (h, w, 3) uint8, RGB
    truth: np.ndarray  # (H, W) labels
    prediction: np.ndarray  # (H, W) labels


@torch.no_grad()
def predict_rows(model: Any, dataset: Any, count: int) -> list[Row]:
    """Predict ``count`` samples spread over a data set of the host.

    Args:
        model: a segmentor of the host.
        dataset: its pipeline ends in the host's ``PackSegInputs``, BGR as loaded.
        count: number of rows, cut to the length of the data set.
    """
    model.eval()
    count = min(count, len(dataset))
    rows = []
    for index in np.linspace(0, len(dataset) - 1, count).astype(int):
        batch = pseudo_collate([dataset[int(index)]])
        image = batch["inputs"][0].flip(0).permute(1, 2, 0).cpu().numpy()
        sample = model.test_step(batch)[0]
        maps = [
            field.data[0].cpu().numpy()
            for field in (sample.gt_sem_seg, sample.pred_sem_seg)
        ]
        rows.append(Row(image, *maps))
    return rows


def prediction_sheet(
    rows: Sequence[Row],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    width: int = 192,
) -> Image.Image:
    """One row per sample: image, truth, prediction; below, the classes that occur.

    Args:
        rows: at least one.
        classes: name of each label.
        palette: colour of each label.
        width: of a tile, in pixels.
    """
    strips = [_strip([row.image, *_painted(row, palette)], width) for row in rows]
    labels = np.concatenate([_labels(row, len(classes)) for row in rows])
    total = strips[0].width
    legend = _legend(np.unique(labels), classes, palette, total)
    return _stacked([_header(total, width), *strips, legend])


def _painted(row: Row, palette: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Truth and prediction in colours; what is no class is black."""
    colours = np.array([*palette, _VOID_COLOUR], dtype=np.uint8)
    void = len(palette)
    return [
        colours[np.where((labels < 0) | (labels > void), void, labels)]
        for labels in (row.truth, row.prediction)
    ]


def _labels(row: Row, num_classes: int) -> np.ndarray:
    labels = np.union1d(row.truth, row.prediction)
    return labels[(labels >= 0) & (labels < num_classes)]


def _strip(tiles: Sequence[np.ndarray], width: int) -> Image.Image:
    """Tiles beside each other, each ``width`` wide and as high as the last."""
    height = round(width * tiles[-1].shape[0] / tiles[-1].shape[1])
    size = (len(tiles) * (width + _GAP) - _GAP, height)
    strip = Image.new("RGB", size, "white")
    for column, tile in enumerate(tiles):
        method = Image.Resampling.BICUBIC if column == 0 else Image.Resampling.NEAREST
        resized = Image.fromarray(tile).resize((width, height), method)
        strip.paste(resized, (column * (width + _GAP), 0))
    return strip


def _header(total: int, width: int) -> Image.Image:
    header = Image.new("RGB", (total, _LINE), "white")
    draw = ImageDraw.Draw(header)
    for column, text in enumerate(("image", "truth", "prediction")):
        draw.text((column * (width + _GAP) + 2, 0), text, fill="black")
    return header


def _legend(
    labels: np.ndarray,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    total: int,
) -> Image.Image:
    """Colour and name of each label, in columns as wide as the longest name."""
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    longest = max((probe.textlength(classes[label]) for label in labels), default=0)
    cell = int(longest) + _LINE + 12
    columns = max(1, total // cell)
    lines = -(-len(labels) // columns)
    legend = Image.new("RGB", (total, lines * (_LINE + 2)), "white")
    draw = ImageDraw.Draw(legend)
    for place, label in enumerate(labels):
        x, y = place % columns * cell, place // columns * (_LINE + 2)
        draw.rectangle((x + 2, y + 2, x + 12, y + 12), fill=tuple(palette[label]))
        draw.text((x + _LINE + 2, y + 1), classes[label], fill="black")
    return legend


def _stacked(parts: Sequence[Image.Image]) -> Image.Image:
    height = sum(part.height + _GAP for part in parts) - _GAP
    sheet = Image.new("RGB", (parts[0].width, height), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + _GAP
    return sheet
