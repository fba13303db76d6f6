"""Made-up images that show their labels, to find out what a transform moves.

Squares of six colours, a class each, with a map of the same squares. A transform that
changes colours changes all pixels of a class alike; one that moves the image must move
the map with it, or pixels no longer have the colour of their class.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Array = np.ndarray

SIZE = (129, 173)  # odd, so that a divisor of sizes shows
_GREYS = np.linspace(40, 215, 6)[:, None]  # where channels are too few for colours
# Labels of the six classes: apart from each other and from 0, 255 and 65535, so that
# what is filled in, or mixed by interpolation, is none of them.
LABELS = np.array([11, 43, 77, 115, 150, 190])
_COLOURS = np.array(  # corners of a cube, of six different brightnesses
    [
        *[(196, 60, 60), (60, 196, 60), (60, 60, 196)],
        *[(60, 196, 196), (196, 60, 196), (196, 196, 60)],
    ]
)


class TrialImage:
    """An image and the class of each of its pixels.

    Args:
        rng: draws the squares.
        square: side of the squares in pixels.
    """

    def __init__(self, rng: np.random.Generator, square: int = 16) -> None:
        self.square = square
        cells = [-(-side // square) for side in SIZE]
        grid = rng.integers(len(LABELS), size=cells)
        classes = grid.repeat(square, axis=0).repeat(square, axis=1)
        self.classes: Array = classes[: SIZE[0], : SIZE[1]]
        self.numbers: Array = rng.permutation(LABELS)  # of the segments, by class

    def image(self, like: Array | None = None) -> dict[str, Any]:
        """``img`` (H, W, 3) uint8, or of channels and type of another, and its size."""
        colours = _COLOURS.astype(np.uint8)
        if like is not None:
            channels = like.shape[2] if like.ndim > 2 else 1
            table = _COLOURS if channels > 2 else _GREYS
            colours = table[:, np.arange(channels) % table.shape[1]].astype(like.dtype)
            colours = colours if like.ndim > 2 else colours[:, 0]
        return dict(img=colours[self.classes], img_shape=SIZE, ori_shape=SIZE)

    def labels(self, dtype: Any = np.uint8) -> dict[str, Any]:
        """``gt_seg_map`` of a semantic pipeline."""
        return dict(gt_seg_map=LABELS.astype(dtype)[self.classes])

    def segments(self) -> dict[str, Any]:
        """``gt_seg_map`` and ``segments`` of a panoptic pipeline, a segment a class."""
        rows = [(int(x), c, c % 2 == 0) for c, x in enumerate(self.numbers)]
        numbers = self.numbers.astype(np.uint8)[self.classes]
        return dict(gt_seg_map=numbers, segments=rows)

    def objects(self, masks: bool) -> dict[str, Any]:
        """Boxes, and masks, of an instance pipeline of mmdet, an object a class."""
        from mmdet.structures.mask import BitmapMasks

        planes = np.stack([self.classes == c for c in range(len(LABELS))])
        bitmaps = BitmapMasks(planes.astype(np.uint8), *SIZE)
        found = dict(
            gt_bboxes=bitmaps.get_bboxes("hbox"),
            gt_bboxes_labels=np.arange(len(LABELS)),
            gt_ignore_flags=np.zeros(len(LABELS), dtype=bool),
        )
        return {**found, "gt_masks": bitmaps} if masks else found


def truths(results: dict[str, Any]) -> Iterator[Array]:
    """(H, W) class of each pixel, -1 where none, by every annotation of the results."""
    labels, masks = results.get("gt_seg_map"), results.get("gt_masks")
    if labels is not None:
        rows = results.get("segments") or [(x, c) for c, x in enumerate(LABELS)]
        labels = np.asarray(labels)
        classes = np.full(labels.shape, -1)
        for number, c, *_ in rows:
            classes[labels == number] = c
        yield classes
    if masks is not None:
        planes = masks.to_ndarray().astype(bool)
        objects = np.asarray(results["gt_bboxes_labels"])
        if len(planes) != len(objects):
            yield np.empty((0, 0), dtype=int)  # a transform has forgotten the masks
            return
        classes = np.full((masks.height, masks.width), -1)
        for c, plane in zip(objects, planes, strict=True):
            classes[plane] = c
        classes[planes.sum(axis=0) > 1] = -1  # two images blended into one
        yield classes


def mislabelled_share(image: Array, classes: Array) -> float:
    """Which share of the pixels has a colour that belongs to another class, 0 to 1.

    Colours belong to the class in which they occur most. Two that others share are left
    out: something was filled in, or two classes have become the same.

    Args:
        image: (H, W) or (H, W, C), any numbers; of large ones a part is looked at.
        classes: (H, W), -1 where unknown; borders between classes are left out.
    """
    rows, columns = np.ix_(*map(_sampled, classes.shape))
    around = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    truth = classes[rows, columns]
    inside = truth >= 0
    for down, right in around:
        inside &= classes[rows + down, columns + right] == truth
    near = [image[rows + down, columns + right][inside] for down, right in around]
    pixels = np.mean(near, axis=0, dtype=np.float32).reshape(inside.sum(), -1)[:, :3]
    if not len(pixels):
        return 0.0
    low, high = pixels.min(), pixels.max()
    steps = ((pixels - low) * (7.99 / max(high - low, 1e-6))).astype(int)
    colours = steps @ 8 ** np.arange(steps.shape[1])
    counts = np.zeros((len(LABELS), 512), dtype=int)
    np.add.at(counts, (truth[inside], colours), 1)
    # A class of one colour has not moved, even where others have become the same.
    strange = np.where(counts < 0.9 * counts.sum(axis=1, keepdims=True), counts, 0)
    wrong = strange.sum(axis=0) - strange.max(axis=0)
    kept = np.argsort(np.where(_own(counts), 0, wrong))[:-2]
    return float(wrong[kept].sum() / max(counts[:, kept].sum(), 1))


def _own(counts: Array) -> Array:
    """Which colours are of the image, that of one class each, from counts (6, n).

    The colour that a class alone has, or else most of it, if no other class claims it.
    """
    alone = np.where(counts.max(axis=0) >= 0.9 * counts.sum(axis=0), counts, 0)
    some = alone.max(axis=1) >= 0.1 * counts.sum(axis=1)
    first = np.where(some, alone.argmax(axis=1), counts.argmax(axis=1))
    colours, times = np.unique(first, return_counts=True)
    return np.isin(np.arange(counts.shape[1]), colours[times == 1])


def _sampled(length: int) -> Array:
    """Places along a side, without the ends, 120 or a few more."""
    return np.arange(1, max(length - 1, 1), max(1, length // 120))


@contextmanager
def random_numbers(seed: int) -> Iterator[None]:
    """Global random numbers from a seed, and afterwards as if none had been drawn."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
