"""Panoptic maps over images, with NumPy and Pillow.

Stuff has the plain colour of its class; a thing has a shade of it that is its own, and
a white outline; void shows the image. A map is (H, W) in MMDetection's encoding, class
+ 1000 * object: objects count from 1, stuff is object 0, classes beyond the list are
void.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy import ndimage

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET

from .fonts import readable

LEAST_SIDE = 384  # of pictures, for the text
LONGEST_SIDE = 4096  # of pictures that are enlarged
_GOLDEN = 0.618034  # its multiples, whole parts dropped, never come close early
_DEEPEST = 0.6  # of the way to black or white
_OUTLINE = (255, 255, 255)

Palette = Sequence[Sequence[int]]


def encoded_truth(sample: Any, num_classes: int) -> np.ndarray:
    """(H, W) map of a sample's ``gt_segment_map`` and ``gt_segments``.

    Things count from 1 in the order of the segments; crowds are object 0. The sample
    holds tensors, or arrays after ``sample.numpy()``.
    """
    numbers = as_array(sample.gt_segment_map.data)[0].astype(np.int64)
    ids, labels, is_thing = (
        as_array(sample.gt_segments[key]) for key in ("ids", "labels", "is_thing")
    )
    last = max([int(numbers.max()), *ids.tolist()])
    table = np.full(last + 1, num_classes)
    table[ids] = labels + INSTANCE_OFFSET * np.cumsum(is_thing) * is_thing
    return table[numbers]


def as_array(values: Any) -> np.ndarray:
    """A tensor of any device, or an array, as an array."""
    return torch.as_tensor(values).cpu().numpy()


def overlay(
    image: np.ndarray,
    encoded: np.ndarray,
    classes: Sequence[str],
    palette: Palette,
    alpha: float = 0.6,
) -> np.ndarray:
    """Paint a map over its image and write class and object into every segment.

    Args:
        image: (H, W, 3) uint8, RGB.
        encoded: (H, W) map.
        classes: name of each class.
        palette: colour of each class.
        alpha: how much of the colour shows.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: The map has another size than the image, or there are too many
            classes to be told from objects.
    """
    if len(classes) >= INSTANCE_OFFSET:
        raise ValueError(
            f"{len(classes)} classes cannot be painted: a map holds class + "
            f"{INSTANCE_OFFSET} * object. Leave pictures out "
            "(tools/predict.py --no-pictures)."
        )
    if image.shape[:2] != encoded.shape:
        raise ValueError(
            f"A panoptic map of {encoded.shape[0]} x {encoded.shape[1]} pixels cannot "
            f"be painted over an image of {image.shape[0]} x {image.shape[1]}: load "
            "annotations at the size of the image file in the evaluated data set."
        )
    values, numbers = np.unique(encoded, return_inverse=True)
    numbers = numbers.reshape(encoded.shape)
    known = values % INSTANCE_OFFSET < len(classes)
    colours = segment_colours(values[known], palette)
    painted = _blended(image, numbers, known, colours, alpha)
    painted[outlines(numbers, is_thing=known & (values >= INSTANCE_OFFSET))] = _OUTLINE
    size = int(np.clip(min(encoded.shape) / 32, 10, 24))
    names, font = readable(classes, size)
    texts = [segment_texts(value, names) for value in values[known].tolist()]
    places = _places(numbers, known.nonzero()[0])
    return _written(painted, texts, places, font)


def enlarged(image: np.ndarray, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image and map with every pixel repeated until both sides are ``LEAST_SIDE`` long.

    Unless the longer side would exceed ``LONGEST_SIDE``.
    """
    factor = enlargement(encoded.shape)
    image, encoded = (
        pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        for pixels in (image, encoded)
    )
    return image, encoded


def enlargement(size: Sequence[int]) -> int:
    """The factor by which :func:`enlarged` repeats pixels of a height and width."""
    return max(1, min(-(-LEAST_SIDE // min(size)), LONGEST_SIDE // max(size)))


def segment_colours(values: np.ndarray, palette: Palette) -> np.ndarray:
    """(G, 3) colours of encoded segments, in ascending order.

    Stuff and the first thing of a class have the colour of the class, further ones lie
    on the way from there to the farther one of black and white.
    """
    labels = values % INSTANCE_OFFSET
    earlier = np.array([np.sum(labels[:k] == x) for k, x in enumerate(labels)])
    colours = np.array(palette, dtype=np.float64)[labels].reshape(-1, 3)
    far = np.where(colours.mean(axis=1, keepdims=True) > 127, 0, 255)
    step = _DEEPEST * (earlier * _GOLDEN % 1)
    return colours + step[:, None] * (far - colours)


def segment_texts(value: int, classes: Sequence[str]) -> list[str]:
    """Name of the class, for a thing with the object's number; shorter ones follow."""
    label, number = value % INSTANCE_OFFSET, value // INSTANCE_OFFSET
    name = classes[label]
    return [f"{name} #{number}", f"#{number}"] if number else [name]


def outlines(numbers: np.ndarray, is_thing: np.ndarray) -> np.ndarray:
    """(H, W) where things end, inside of them, thicker in larger images.

    Args:
        numbers: (H, W) segment of each pixel, 0..G - 1.
        is_thing: (G,).
    """
    edge = np.zeros(numbers.shape, dtype=bool)
    down = numbers[1:] != numbers[:-1]
    right = numbers[:, 1:] != numbers[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    more = min(numbers.shape) // 400
    if more:
        edge = ndimage.binary_dilation(edge, iterations=more)
    return edge & is_thing[numbers]


def _blended(
    image: np.ndarray,
    numbers: np.ndarray,
    known: np.ndarray,
    colours: np.ndarray,
    alpha: float,
) -> np.ndarray:
    """(1 - alpha) * image + alpha * colour, rounded; where unknown, the image."""
    share = alpha * known[:, None]  # (G, 1)
    paint = np.zeros((len(known), 3))
    paint[known] = alpha * colours
    mixed = image * (1 - share)[numbers] + paint[numbers]
    return (mixed + 0.5).astype(np.uint8)


def _places(numbers: np.ndarray, segments: np.ndarray) -> list[tuple[int, int]]:
    """Row and column of the pixel deepest inside of each segment."""
    padded = np.pad(numbers, 1, constant_values=-1)
    inside = np.ones(padded.shape, dtype=bool)
    inside[1:] &= padded[1:] == padded[:-1]
    inside[:, 1:] &= padded[:, 1:] == padded[:, :-1]
    depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
    return ndimage.maximum_position(depth, numbers, index=segments)


def _written(
    image: np.ndarray,
    texts: Sequence[Sequence[str]],
    places: Sequence[tuple[int, int]],
    font: Any,
) -> np.ndarray:
    """White texts with a shadow, centred at their places and inside of the image.

    A text that would lie over another one is the shortest of its choices.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    written: list[_Box] = []
    for choices, place in zip(texts, places, strict=True):
        for text in choices:
            box = _box(font.getbbox(text)[2:], place, picture.size)
            if not any(map(box.meets, written)):
                break
        written.append(box)
        draw.text((box.left + 1, box.top + 1), text, font=font, fill="black")
        draw.text((box.left, box.top), text, font=font, fill="white")
    return np.asarray(picture)


class _Box(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int

    def meets(self, other: _Box) -> bool:
        """Whether the two have a pixel in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def _box(
    text_size: tuple[int, int], place: tuple[int, int], size: tuple[int, int]
) -> _Box:
    """Where a text of a width and height lies, centred at a row and column."""
    middle = reversed(place)
    left, top = (
        int(np.clip(centre - length / 2, 0, max(0, limit - length)))
        for centre, length, limit in zip(middle, text_size, size, strict=True)
    )
    return _Box(left, top, left + int(text_size[0]), top + int(text_size[1]))
