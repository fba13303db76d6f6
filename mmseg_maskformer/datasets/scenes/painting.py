"""How stuff, things, light and noise of a scene are painted.

A canvas is (H, W, 3) float32, RGB, 1 being white; owners are (H, W) int32, the number
of what is seen at each pixel.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, radians, sin
from typing import NamedTuple

import numpy as np

from mmseg_maskformer.datasets.scenes.classes import (
    THING_PERIOD,
    stuff_class,
    thing_class,
)
from mmseg_maskformer.datasets.scenes.textures import (
    Colours,
    outline_radius,
    pattern_value,
    random_colours,
)

VOID_ID = 0
_SHADE = 0.55  # brightness left in a shadow


class Thing(NamedTuple):
    """Where a thing stands and how it is drawn."""

    number: int  # class among the things
    centre: tuple[float, float]  # row, column
    radius: float
    angle: float
    phase: tuple[float, float]
    colours: Colours


@lru_cache(maxsize=64)
def _smooth_basis(length: int, cells: int) -> np.ndarray:
    """Weights (length, cells + 1) of Gaussian bumps along a line."""
    position = (np.arange(length, dtype=np.float32) + 0.5) / length * cells
    distance = position[:, None] - np.arange(cells + 1, dtype=np.float32)
    bumps = np.exp(-2 * distance**2)
    return bumps / bumps.sum(1, keepdims=True)


def smooth_noise(
    rng: np.random.Generator, count: int, size: tuple[int, int], cells: int
) -> np.ndarray:
    """``count`` random fields (count, H, W) that change over 1 / cells of the image."""
    grid = rng.standard_normal((count, cells + 1, cells + 1), dtype=np.float32)
    return _smooth_basis(size[0], cells) @ grid @ _smooth_basis(size[1], cells).T


def paint_stuff(
    rng: np.random.Generator, regions: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Fill each region with the texture of its class; colours (H, W, 3)."""
    canvas = np.empty((*regions.shape, 3), dtype=np.float32)
    for region, number in enumerate(numbers):
        look = stuff_class(int(number))
        slant = radians(look.direction + rng.uniform(-6, 6)) * rng.choice((-1, 1))
        period = look.period * rng.uniform(0.92, 1.08)
        phase = rng.uniform(0, 1, size=2).tolist()
        colours = random_colours(rng, look.hue_difference)
        inside = np.flatnonzero(regions == region)
        rows, columns = np.divmod(inside.astype(np.int32), regions.shape[1])
        u, v = _turned(rows, columns, slant, period)
        value = pattern_value(look.pattern, u + phase[0], v + phase[1])
        if look.modulation != "even":
            slow = u if look.modulation == "along" else v
            value *= 0.65 + 0.35 * np.cos(pi / 2 * slow)
        canvas.reshape(-1, 3)[inside] = colours.mix(value)
    return canvas


def _turned(
    rows: np.ndarray, columns: np.ndarray, angle: float, unit: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates across and along stripes that lie at ``angle`` to the horizontal."""
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    cosine, sine = cos(angle) / unit, sin(angle) / unit
    return cosine * rows + sine * columns, cosine * columns - sine * rows


def paint_thing(
    canvas: np.ndarray,
    owners: np.ndarray,
    thing: Thing,
    owner: int,
    light: float,
    void_width: float,
) -> None:
    """Draw a thing and its shadow over what is there, and take its pixels over."""
    look = thing_class(thing.number)
    box, rows, columns = _box(thing, owners.shape)
    away = 0.35 * thing.radius
    down, right = sin(light), cos(light)  # towards the light
    shadow = _depth_inside(thing, rows + away * down, columns + away * right)
    inside = _depth_inside(thing, rows, columns)
    u, v = _turned(rows, columns, thing.angle, THING_PERIOD)
    value = pattern_value(look.pattern, u + thing.phase[0], v + thing.phase[1])
    lit = (rows * down + columns * right) / thing.radius
    shading = 1 + 0.3 * np.clip(lit, -1, 1)
    colour = thing.colours.mix(value) * shading[..., None]
    cover = np.clip(inside + 0.5, 0, 1)[..., None]
    dimmed = canvas[box] * (1 - (1 - _SHADE) * np.clip(shadow / 2, 0, 1))[..., None]
    canvas[box] = dimmed + cover * (colour - dimmed)
    owners[box][inside > 0] = owner
    owners[box][np.abs(inside) < void_width / 2] = VOID_ID


def _box(
    thing: Thing, size: tuple[int, int]
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Part of the image around a thing, and rows and columns from its centre."""
    reach = 2.2 * thing.radius
    down, right = (
        slice(max(0, int(middle - reach)), min(length, int(middle + reach) + 1))
        for middle, length in zip(thing.centre, size, strict=True)
    )
    box = (down, right)
    rows, columns = np.mgrid[box].astype(np.float32)
    return (
        box,
        rows - np.float32(thing.centre[0]),
        columns - np.float32(thing.centre[1]),
    )


def _depth_inside(thing: Thing, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Radial distance to the outline in pixels, positive inside."""
    look = thing_class(thing.number)
    u, v = _turned(rows, columns, thing.angle)
    stretch = look.elongation**0.5  # keeps the area
    u, v = u * stretch, v / stretch
    outline = outline_radius(look.outline, look.corners, np.arctan2(u, v))
    return thing.radius * outline - np.hypot(u, v)


def expose(rng: np.random.Generator, canvas: np.ndarray, noise: float) -> np.ndarray:
    """Uneven coloured light, sensor noise, and eight bits."""
    light = np.exp(0.25 * smooth_noise(rng, 1, canvas.shape[:2], cells=2)[0])
    tint = rng.uniform(0.85, 1.15, size=3).astype(np.float32)
    exposed = canvas * (light[..., None] * tint)
    exposed += noise * rng.standard_normal(canvas.shape, dtype=np.float32)
    return (255 * np.clip(exposed, 0, 1) + 0.5).astype(np.uint8)
