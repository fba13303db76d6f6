"""What tells the classes of rendered scenes apart.

A class has no colour of its own. A stuff class is a texture: a pattern, its direction,
its period, the hue difference between its two colours, and a slow modulation. A thing
class is a pattern, an outline (family, number of corners, elongation), and a hue
difference. Every factor is a digit of the class number, and each digit is shifted by
the one before, so that a handful of classes differ in all factors and hundreds use
every combination. Modulation and elongation are used when those have run out.

No factor changes when the image is mirrored: directions are angles to the horizontal
whose sign is random, outlines are symmetric, hue differences have no sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

PATTERNS = ("stripes", "checks", "dots", "waves", "grid", "bricks", "weave", "hexes")
DIRECTIONS = (0.0, 90.0, 30.0, 60.0)  # degrees to the horizontal
PERIODS = (5.0, 7.0, 10.0)  # pixels
HUE_DIFFERENCES = (0.5, 0.0, 1 / 3, 1 / 6)  # turns of the colour circle
MODULATIONS = ("even", "along", "across")
OUTLINES = ("polygon", "star", "flower", "gear")
CORNERS = (4, 3, 5, 6)
ELONGATIONS = (1.0, 1.7)
THING_PERIOD = 6.0  # pixels

_STUFF_FACTORS = (PATTERNS, DIRECTIONS, PERIODS, HUE_DIFFERENCES, MODULATIONS)
_THING_FACTORS = (PATTERNS, OUTLINES, CORNERS, HUE_DIFFERENCES, ELONGATIONS)
MAX_STUFF = prod(map(len, _STUFF_FACTORS))  # 1152
MAX_THINGS = prod(map(len, _THING_FACTORS))  # 1024


@dataclass(frozen=True)
class StuffClass:
    """Texture of a stuff class."""

    pattern: str
    direction: float
    period: float
    hue_difference: float
    modulation: str

    @property
    def name(self) -> str:
        """Readable, not unique among hundreds of classes."""
        return f"{self.pattern} {self.direction:.0f}deg"


@dataclass(frozen=True)
class ThingClass:
    """Outline and pattern of a thing class."""

    pattern: str
    outline: str
    corners: int
    hue_difference: float
    elongation: float

    @property
    def name(self) -> str:
        """Readable, not unique among hundreds of classes."""
        return f"{self.outline}{self.corners} {self.pattern}"


def stuff_class(number: int) -> StuffClass:
    """The texture of stuff class ``number``, 0..MAX_STUFF - 1."""
    return StuffClass(*_code(number, _STUFF_FACTORS))


def thing_class(number: int) -> ThingClass:
    """The look of thing class ``number``, 0..MAX_THINGS - 1."""
    return ThingClass(*_code(number, _THING_FACTORS))


def class_names(num_things: int, num_stuff: int) -> tuple[str, ...]:
    """Unique names in the order of the labels: things first, then stuff."""
    things = [f"t{k} {thing_class(k).name}" for k in range(num_things)]
    stuff = [f"s{k} {stuff_class(k).name}" for k in range(num_stuff)]
    return (*things, *stuff)


def _code(number: int, factors: tuple[tuple, ...]) -> list:
    """One level of each factor: digits of ``number``, each shifted by the last.

    The last digit is not shifted.
    """
    chosen, shift = [], 0
    for levels in factors[:-1]:
        number, digit = divmod(number, len(levels))
        shift = (digit + shift) % len(levels)
        chosen.append(levels[shift])
    return [*chosen, factors[-1][number]]
