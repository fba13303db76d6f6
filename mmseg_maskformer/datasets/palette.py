"""Colours for classes that have none."""

from __future__ import annotations

import colorsys


def class_palette(num_classes: int) -> list[list[int]]:
    """A colour (red, green, blue) for each class, for pictures of label maps."""
    golden, levels = 0.618034, (0.95, 0.7, 0.5)
    colours = [
        colorsys.hsv_to_rgb(golden * k % 1, (0.85, 0.55)[k // 3 % 2], levels[k % 3])
        for k in range(num_classes)
    ]
    return [[round(255 * channel) for channel in colour] for colour in colours]
