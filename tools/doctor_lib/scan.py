"""Facts of single files, read by several processes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import mmcv
import numpy as np
from PIL import Image

from mmseg_maskformer.datasets.coco.image_sizes import check_size
from mmseg_maskformer.datasets.file_errors import check_label_map, refuse_jpeg
from mmseg_maskformer.datasets.transforms.image_files import read_picture, turned
from shared.processes import results_of

from .sources import Item

_SIDE = 32  # of the small picture that near copies are found by
_MANY = 64  # items that are worth several processes, and a word on progress


@dataclass
class Facts:
    """What the files of an item hold.

    Args:
        item: the item.
        problems: why a file cannot be read.
        too_large: what Pillow says of a file of more pixels than it opens.
        refused: what loading says of sound files that contradict the data set, and
            what that is said of, as "JPEG map(s)".
        size: height and width of the image as it is loaded.
        channels: of the image, alpha among them.
        has_alpha: whether the last of them is alpha.
        type: of its numbers, as "uint8".
        orientation: as EXIF numbers it, 1 for upright.
        pages: images in the file.
        digest: of the decoded pixels.
        small: (32, 32) grey picture, of mean 0 and length 1; None where it has no
            structure.
        label_size: height and width of the label map.
        label_type: of its numbers, as "uint8".
        values: pixels of each value of a label map, or of each id of a panoptic map,
            if it is not refused.
    """

    item: Item
    problems: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
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
    except ImportError:  # no fault of the file
        raise
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
    pixels = picture.pixels
    if not facts.item.as_stored:
        pixels = turned(pixels, picture.orientation)
    facts.size, facts.channels = pixels.shape[:2], pixels.shape[2]
    facts.type, facts.has_alpha = str(pixels.dtype), picture.has_alpha
    if facts.item.stated:
        file, size = facts.item.stated
        with _refusing(facts, "image(s) of another size than their annotation file's"):
            check_size(facts.size, size, facts.item.image, file)
    facts.orientation, facts.pages = picture.orientation, picture.pages
    facts.digest = hashlib.sha1(pixels.tobytes()).hexdigest()
    grey = pixels.astype(np.float32).mean(axis=2)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    if length > _SIDE:  # a standard deviation of one grey level
        facts.small = (small / length).astype(np.float32)


@contextmanager
def _refusing(facts: Facts, kind: str) -> Iterator[None]:
    """Note what the checks of training say."""
    try:
        yield
    except ValueError as error:
        facts.refused.append((kind, str(error)))


def _look_at_labels(facts: Facts) -> None:
    content = _content(facts.item.labels)
    is_panoptic = facts.item.objects is not None
    (_look_at_ids if is_panoptic else _look_at_classes)(facts, content)


def _look_at_classes(facts: Facts, content: bytes) -> None:
    """A label map, read and judged as ``LoadLabelMap`` does."""
    path = facts.item.labels
    labels = mmcv.imfrombytes(content, flag="unchanged", backend="pillow")
    facts.label_size, facts.label_type = labels.shape[:2], str(labels.dtype)
    with _refusing(facts, "JPEG label map(s)"):
        refuse_jpeg(content, "label map", path)
        with _refusing(facts, "label map(s) that hold no numbers of classes"):
            check_label_map(labels, path)
            pixels = np.bincount(labels.astype(np.int64).ravel())
            values = np.flatnonzero(pixels)
            facts.values = dict(
                zip(values.tolist(), pixels[values].tolist(), strict=True)
            )


def _look_at_ids(facts: Facts, content: bytes) -> None:
    """A panoptic map, read and judged as ``LoadPanopticMap`` does."""
    from mmseg_maskformer.datasets.transforms.panoptic_maps import (
        check_ids,
        decoded_ids,
    )

    path = facts.item.labels
    ids, mode = decoded_ids(content)
    facts.label_size = ids.shape
    listed = np.array([o[0] for o in facts.item.objects or ()], dtype=np.int64)
    values, counts = (x.tolist() for x in np.unique(ids, return_counts=True))
    with _refusing(facts, "JPEG panoptic map(s)"):
        refuse_jpeg(content, "panoptic map", path)
        with _refusing(facts, "panoptic map(s) that contradict their annotation file"):
            if facts.item.compared:
                check_ids(set(values), listed, mode, path)
            facts.values = dict(zip(values, counts, strict=True))


def look_at_all(items: Sequence[Item], workers: int | None = None) -> list[Facts]:
    """Facts of all items in their order; progress goes to the standard error.

    Args:
        items: what to read.
        workers: processes, by default one for each core.
    """
    many, total = len(items) >= _MANY, len(items)
    workers = (workers or os.cpu_count() or 1) if many else 1
    found = []
    for facts in results_of(look, items, workers):
        found.append(facts)
        if many and (len(found) % _MANY == 0 or len(found) == total):
            end = "\n" if len(found) == total else ""
            print(f"\r{len(found)} of {total}", end=end, file=sys.stderr, flush=True)
    return found
