"""Patterns, outlines and colour pairs that scenes are drawn with."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from math import cos, pi
from typing import NamedTuple

import numpy as np

Array = np.ndarray

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of R, G and B
_STRETCH = 1.7  # along / across: only a half turn maps a pattern onto itself


class Colours(NamedTuple):
    """The two colours of a pattern, RGB within 0..1."""

    base: Array  # (3,)
    accent: Array  # (3,)

    def mix(self, value: Array) -> Array:
        """Colours (..., 3) for pattern values (...) from 0 (base) to 1 (accent)."""
        return self.base + value[..., None] * (self.accent - self.base)


def random_colours(rng: np.random.Generator, hue_difference: float) -> Colours:
    """A random base colour and a brighter accent whose hue is related to it.

    The accent is the brighter one in luminance: with either order a pattern of lines
    could not be told from one of blobs.
    """
    hue, jitter = rng.uniform(0, 1), rng.uniform(-0.03, 0.03)
    accent_hue = hue + rng.choice((-1, 1)) * hue_difference + jitter
    saturations = rng.uniform(0.45, 0.9, size=2)
    dark = rng.uniform(0.12, 0.35)
    bright = dark + rng.uniform(0.28, 0.45)
    base = _colour(hue, saturations[0], dark)
    return Colours(base, _colour(accent_hue, saturations[1], bright))


def _colour(hue: float, saturation: float, luminance: float) -> Array:
    """RGB (3,) of a hue at a luminance, made darker or paler until it has that."""
    colour = np.array(colorsys.hsv_to_rgb(hue % 1, saturation, 1.0), np.float32)
    brightest = float(colour @ _LUMINANCE)
    if luminance <= brightest:
        return colour * (luminance / brightest)
    return colour + (1 - colour) * ((luminance - brightest) / (1 - brightest))


def pattern_value(pattern: str, u: Array, v: Array) -> Array:
    """Value within 0..1 of a pattern whose period across is 1.

    Args:
        pattern: a name of ``classes.PATTERNS``.
        u: coordinate across, in periods.
        v: coordinate along, in periods across.
    """
    wave = _PATTERNS[pattern](u, v / _STRETCH)
    return np.clip(0.5 + 1.2 * wave, 0, 1)


def outline_radius(outline: str, corners: int, theta: Array) -> Array:
    """Distance of the outline from the centre, about 1, in direction ``theta``.

    Args:
        outline: a name of ``classes.OUTLINES``.
        corners: number of corners, points, petals or teeth.
        theta: radians.
    """
    return _OUTLINES[outline](corners, theta)


def _cos(turns: Array) -> Array:
    return np.cos(2 * pi * turns)


def _waves(u: Array, v: Array) -> Array:
    return _cos(u + 0.3 * _cos(v))


def _bricks(u: Array, v: Array) -> Array:
    shifted = 0.7 * v + 0.5 * (np.floor(u) % 2)
    return np.maximum(_cos(u), _cos(shifted) - 0.1) - 0.6


def _weave(u: Array, v: Array) -> Array:
    return np.where(_cos(u / 3) * _cos(v / 3) > 0, _cos(u), _cos(_STRETCH * v))


def _hexes(u: Array, v: Array) -> Array:
    return (_cos(v) + 2 * _cos(u) * _cos(v / 2)) / 2 - 0.1


_PATTERNS: dict[str, Callable[[Array, Array], Array]] = {
    "stripes": lambda u, v: _cos(u),
    "checks": lambda u, v: 1.5 * _cos(u) * _cos(v),
    "dots": lambda u, v: _cos(u) + _cos(v) - 0.8,
    "waves": _waves,
    "grid": lambda u, v: np.maximum(_cos(u), _cos(v)) - 0.6,
    "bricks": _bricks,
    "weave": _weave,
    "hexes": _hexes,
}


def _polygon(corners: int, theta: Array) -> Array:
    half = pi / corners
    return 1.15 * cos(half) / np.cos(theta % (2 * half) - half)


def _star(corners: int, theta: Array) -> Array:
    half = pi / corners
    point = np.abs(theta % (2 * half) - half) / half  # 0 in a notch, 1 at a point
    return 0.55 + 0.85 * point**1.5


def _gear(corners: int, theta: Array) -> Array:
    return 0.95 + 0.35 * np.clip(3 * np.cos(corners * theta), -0.5, 0.5)


_OUTLINES: dict[str, Callable[[int, Array], Array]] = {
    "polygon": _polygon,
    "star": _star,
    "flower": lambda corners, theta: 0.95 + 0.25 * np.cos(corners * theta),
    "gear": _gear,
}
