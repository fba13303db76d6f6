"""Scenes drawn from a seed and an index, with NumPy only.

Stuff fills the image in irregular regions; things stand on it, nearer ones lower,
larger, and in front, and cast shadows. Base colours are random, light varies over the
image, and the sensor is noisy: see :mod:`mmseg_maskformer.datasets.scenes.classes` for
what a class is.

Letters: H x W the image, G its segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import numpy as np

from mmseg_maskformer.core.conventions import VOID, WIDE_VOID
from mmseg_maskformer.datasets.scenes.classes import (
    MAX_STUFF,
    MAX_THINGS,
    thing_class,
)
from mmseg_maskformer.datasets.scenes.painting import (
    VOID_ID,
    Thing,
    expose,
    paint_stuff,
    paint_thing,
    smooth_noise,
)
from mmseg_maskformer.datasets.scenes.textures import random_colours


class Segment(NamedTuple):
    """One segment of a scene."""

    id: int  # value in `Scene.segments`, 1..G without gaps
    label: int
    is_thing: bool


class Scene(NamedTuple):
    """A rendered scene."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    semantic: np.ndarray  # (H, W) int32 labels, `void_label` where there is none
    segments: np.ndarray  # (H, W) int32 ids, VOID_ID where there is none
    info: tuple[Segment, ...]


@dataclass(frozen=True)
class SceneRenderer:
    """Renders scenes of one kind.

    Labels 0..num_things - 1 are things, the next ``num_stuff`` are stuff. Scene
    ``index`` is sure to be given thing ``index % num_things`` and stuff
    ``index % num_stuff``, so that as many scenes as classes hold about every class.

    Args:
        num_things: thing classes, at most 1024.
        num_stuff: stuff classes, 1 to 1152.
        size: height and width in pixels, at least 32.
        noise: standard deviation of the sensor's noise, 1 being white.
        void_width: width in pixels of the unlabelled line around things.

    Raises:
        ValueError: An argument is impossible.
    """

    num_things: int = 6
    num_stuff: int = 6
    size: tuple[int, int] = (128, 128)
    noise: float = 0.03
    void_width: float = 0.0

    def __post_init__(self) -> None:
        self._require("num_things", self.num_things, 0, MAX_THINGS)
        self._require("num_stuff", self.num_stuff, 1, MAX_STUFF)
        self._require("size", min(self.size), 32, 8192)
        self._require("noise", self.noise, 0, 1)
        self._require("void_width", self.void_width, 0, 16)

    @property
    def num_classes(self) -> int:
        """Things and stuff together."""
        return self.num_things + self.num_stuff

    @property
    def void_label(self) -> int:
        """Label of void pixels, which is no class."""
        return VOID if self.num_classes < VOID else WIDE_VOID

    def render(self, seed: int, index: int) -> Scene:
        """Draw scene ``index`` of the split ``seed``; equal arguments, equal bytes."""
        rng = np.random.default_rng([seed, index])
        regions, numbers = self._stuff_layout(rng, index)
        owners = regions + 1
        labels = [self.void_label, *(self.num_things + numbers)]
        canvas = paint_stuff(rng, regions, numbers)
        light = rng.uniform(0, 2 * pi)
        for thing in self._place_things(rng, index):
            paint_thing(canvas, owners, thing, len(labels), light, self.void_width)
            labels.append(thing.number)
        image = expose(rng, canvas, self.noise)
        return self._labelled(image, owners, np.array(labels, dtype=np.int32))

    def _require(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise ValueError(
                f"{name}={getattr(self, name)} of the scenes must lie within "
                f"{low}..{high}."
            )

    def _stuff_layout(
        self, rng: np.random.Generator, index: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Region of each pixel (H, W) and the stuff class number of each region."""
        count = min(self.num_stuff, int(rng.integers(2, 5)))
        numbers = _distinct(rng, self.num_stuff, count, first=index % self.num_stuff)
        coarse = smooth_noise(rng, count, self.size, cells=3)
        fine = smooth_noise(rng, count, self.size, cells=9)
        regions = (coarse + 0.3 * fine).argmax(0).astype(np.int32)
        return regions, numbers

    def _place_things(self, rng: np.random.Generator, index: int) -> list[Thing]:
        """Things of the scene, farthest first."""
        if self.num_things == 0:
            return []
        count = int(rng.integers(2, 7))
        numbers = rng.integers(self.num_things, size=count)
        numbers[0] = index % self.num_things
        things = [self._place_thing(rng, int(number)) for number in numbers]
        return sorted(things, key=lambda thing: thing.centre[0])

    def _place_thing(self, rng: np.random.Generator, number: int) -> Thing:
        height, width = self.size
        depth = rng.uniform(0.08, 0.92)  # 0 far and high, 1 near and low
        centre = (depth * height, rng.uniform(0.05, 0.95) * width)
        scale = min(height, width) * (0.09 + 0.09 * depth)
        return Thing(
            number=number,
            centre=centre,
            radius=scale * rng.uniform(0.85, 1.25),
            angle=rng.uniform(0, 2 * pi),
            phase=tuple(rng.uniform(0, 1, size=2).tolist()),
            colours=random_colours(rng, thing_class(number).hue_difference),
        )

    def _labelled(
        self, image: np.ndarray, owners: np.ndarray, labels: np.ndarray
    ) -> Scene:
        """Number the visible owners 1..G and look their labels up."""
        visible = np.bincount(owners.ravel(), minlength=len(labels)) > 0
        visible[VOID_ID] = False
        ids = np.where(visible, visible.cumsum(), VOID_ID).astype(np.int32)
        info = tuple(
            Segment(int(ids[owner]), label, is_thing=label < self.num_things)
            for owner, label in enumerate(labels.tolist())
            if visible[owner]
        )
        return Scene(image, labels[owners], ids[owners], info)


def _distinct(
    rng: np.random.Generator, total: int, count: int, first: int
) -> np.ndarray:
    """``count`` different numbers below ``total``, one of them ``first``."""
    others = rng.choice(total - 1, size=count - 1, replace=False)
    return np.concatenate([[first], others + (others >= first)])
