"""Facts of single files, read by several processes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmseg_maskformer.datasets.coco.segments import segment_ids
from mmseg_maskformer.datasets.transforms.image_files import (
    palette_indices,
    read_picture,
    turned,
)

from .sources import Item

_SIDE = 32  # of the small picture that near copies are found by


@dataclass
class Facts:
    """What the files of an item hold.

    Args:
        item: the item.
        problems: why a file cannot be read.
        too_large: what Pillow says of a file of more pixels than it opens.
        size: height and width of the image as a viewer shows it.
        channels: of the image, alpha among them.
        has_alpha: whether the last of them is alpha.
        type: of its numbers, as "uint8".
        orientation: as EXIF numbers it, 1 for upright.
        pages: images in the file.
        digest: of the decoded pixels.
        small: (32, 32) grey picture, of mean 0 and length 1; None where it has no
            structure.
        label_size: height and width of the label map.
        label_type: of its numbers and their channels, as "uint8" or "uint8 x 3".
        values: pixels of each value of a label map, or of each id of a panoptic map.
    """

    item: Item
    problems: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None
    channels: int = 0
    has_alpha: bool = False
    type: str = ""
    orientation: int = 1
    pages: int = 1
    digest: str = ""
    small: np.ndarray | None = None
    label_size: tuple[int, int] | None = None
    label_type: str = ""
    values: dict[int, int] = field(default_factory=dict)


def look(item: Item) -> Facts:
    """Read the files of an item."""
    facts = Facts(item)
    with _noting(facts, f"image {item.image}"):
        _look_at_image(facts)
    if item.labels:
        with _noting(facts, f"label map {item.labels}"):
            _look_at_labels(facts)
    return facts


@contextmanager
def _noting(facts: Facts, file: str) -> Iterator[None]:
    """Note why a file cannot be read, whatever the decoders raise."""
    try:
        yield
    except Image.DecompressionBombError as error:
        facts.too_large.append(f"{file}: {error}")
    except Exception as error:
        facts.problems.append(f"{file}: {_reason(error)}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _content(path: str) -> bytes:
    content = Path(path).read_bytes()
    if not content:
        raise ValueError("the file is empty")
    return content


def _look_at_image(facts: Facts) -> None:
    picture = read_picture(_content(facts.item.image))
    pixels = turned(picture.pixels, picture.orientation)
    facts.size, facts.channels = pixels.shape[:2], pixels.shape[2]
    facts.type, facts.has_alpha = str(pixels.dtype), picture.has_alpha
    facts.orientation, facts.pages = picture.orientation, picture.pages
    facts.digest = hashlib.sha1(pixels.tobytes()).hexdigest()
    grey = pixels.astype(np.float32).mean(axis=2)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    if length > _SIDE:  # a standard deviation of one grey level
        facts.small = (small / length).astype(np.float32)


def _look_at_labels(facts: Facts) -> None:
    content = _content(facts.item.labels)
    indices = palette_indices(content)  # which loading takes for labels
    pixels = read_picture(content).pixels if indices is None else indices[..., None]
    height, width = pixels.shape[:2]
    facts.label_size = height, width
    many = f" x {pixels.shape[2]}" if pixels.shape[2] > 1 else ""
    facts.label_type = f"{pixels.dtype}{many}"
    if facts.item.objects is not None and pixels.shape[2] == 3:
        pixels = segment_ids(pixels)[..., None]
    if pixels.shape[2] == 1:
        values, counts = np.unique(pixels, return_counts=True)
        facts.values = dict(zip(values.tolist(), counts.tolist(), strict=True))


def look_at_all(items: Sequence[Item], workers: int | None = None) -> list[Facts]:
    """Facts of all items in their order; progress goes to the standard error.

    Args:
        items: what to read.
        workers: processes, by default one for each core.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(items) < 64:
        return [look(item) for item in items]
    found = []
    with ProcessPoolExecutor(workers) as pool:
        for facts in pool.map(look, items, chunksize=16):
            found.append(facts)
            if len(found) % 64 == 0 or len(found) == len(items):
                print(f"\r{len(found)} of {len(items)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found
