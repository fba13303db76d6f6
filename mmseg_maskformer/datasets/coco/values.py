"""Single values of annotation files, which tools write in several types.

A value of another kind ends in a ``ValueError`` that says what it is and what belongs
there; who knows its row puts the name in front.
"""

from __future__ import annotations

import math
from typing import Any

_FLAGS = {"": 0, "none": 0, "false": 0, "true": 1, "0": 0, "1": 1, "0.0": 0, "1.0": 1}


def identifier(value: Any) -> int | str:
    """The id of an image: an integer or text."""
    value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise _wrong(value, "an integer or text")
    return value


def number(value: Any) -> int:
    """The id of a category or a segment: an integer, or text of digits."""
    value = _whole(value)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, "an integer")
    return value


def flag(value: Any) -> int:
    """0 or 1, also as text; 0 for None."""
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise _wrong(value, "0 or 1")
    return found


def side(value: Any) -> int | None:
    """Pixels of a side of an image; None for None and for numbers below 1."""
    value = _whole(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value >= 2**31:
        raise _wrong(value, "a number of pixels")
    return value if value > 0 else None


def measure(value: Any) -> float | None:
    """A finite number as it is, None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def box(value: Any) -> list[float] | None:
    """Four finite numbers (x, y, width, height), None for all else."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        return None
    numbers = [x for x in map(measure, value) if x is not None]
    return numbers if len(numbers) == 4 else None


def integers(value: Any) -> list[int] | None:
    """A list of integers, None for all else."""
    if not isinstance(value, list):
        return None
    found = [x for x in map(_whole, value) if type(x) is int]
    return found if len(found) == len(value) else None


def _whole(value: Any) -> Any:
    """Floats without a fraction as integers."""
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def _wrong(value: Any, wanted: str) -> ValueError:
    return ValueError(
        f"{value!r:.60} ({type(value).__name__}), where {wanted} belongs. Correct it."
    )
