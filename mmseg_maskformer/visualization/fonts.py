"""A font that has the letters of class names, or names that it can write.

Pillow's own font has little more than ASCII. Matplotlib, which the hosts need, brings
DejaVu Sans (accents, Greek, Cyrillic, ...); Chinese, Japanese and Korean need a font of
the system.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from PIL import ImageFont

_ABSENT = "\U0010ffff"  # never a letter: fonts draw a box for it


def readable(names: Sequence[str], size: int = 10) -> tuple[list[str], Any]:
    """The names as they can be written, and the font to write them with.

    Args:
        names: of classes; one with letters that no font has becomes "class 7".
        size: of the font in pixels.
    """
    font = text_font(size, frozenset("".join(names)))
    texts = [
        name if _has(font, frozenset(name)) else f"class {label}"
        for label, name in enumerate(names)
    ]
    return texts, font


@lru_cache(maxsize=32)
def text_font(size: int, letters: frozenset[str] = frozenset()) -> Any:
    """The first font with all of these letters, or else the one with most of them.

    Of Pillow without FreeType, or before 10.1, the small font of fixed size.
    """
    best, most = None, -1
    for font in _fonts(size):
        number = sum(_has(font, frozenset(letter)) for letter in letters)
        if number > most:
            best, most = font, number
        if most == len(letters):
            break
    return best


def _fonts(size: int) -> Iterator[Any]:
    """Pillow's own, Matplotlib's, those of the system."""
    try:
        yield ImageFont.load_default(size)
    except (TypeError, ImportError, OSError):
        yield ImageFont.load_default()
        return
    own = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    for path in [str(own), *sorted(font_manager.findSystemFonts())]:
        try:
            yield ImageFont.truetype(path, size)
        except OSError:  # no such file, or a kind that FreeType cannot scale
            continue


@lru_cache(maxsize=4096)
def _has(font: Any, letters: frozenset[str]) -> bool:
    """Whether a font draws none of the letters as the box for absent ones."""
    if not isinstance(font, ImageFont.FreeTypeFont):
        return all(ord(letter) < 256 for letter in letters)  # Latin-1
    box = bytes(font.getmask(_ABSENT))
    return all(bytes(font.getmask(letter)) != box for letter in letters)
