"""Masks of annotation files: polygons and run-length codes, before they are drawn.

What pycocotools would read as something else, in silence or until memory is used up,
ends in a ``ValueError`` that says what is wrong with the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from pycocotools import mask as mask_api

from .values import integers

Size = tuple[int, int]  # height, width
_REACH = 1_000_000  # the farthest point of a polygon where the image's size is unknown


def polygons(mask: list, size: Size | None) -> list[list[float]]:
    """The parts of a list of polygons that have three points or more.

    Args:
        mask: lists of x, y, x, y, ... in pixels.
        size: of the image, if known.

    Raises:
        ValueError: They are no such lists, or reach far beyond the image.
    """
    if not any(mask):
        raise ValueError("is empty. Remove the object, or give it a mask")
    if isinstance(mask[0], dict):
        raise ValueError("is a run-length code inside a list. Take it out of the list")
    if not isinstance(mask[0], list):
        raise ValueError("is a flat list. Write a list of polygons, [[x, y, ...]]")
    if len(mask) > 2 and all(isinstance(x, list) and len(x) == 2 for x in mask):
        raise ValueError("is a list of points. Write polygons, [[x, y, x, y, ...]]")
    far = 2 * max(size) if size else _REACH
    for part in mask:
        points = np.array(part) if isinstance(part, list) else np.array(None)
        if points.dtype.kind not in "if" or points.ndim != 1 or len(points) % 2:
            raise ValueError(
                f"has the polygon {part!r:.60}, which is no list of x, y, x, y, ..."
            )
        if not (np.abs(points) <= far).all():  # NaN is not
            raise ValueError(
                f"has the polygon {part!r:.60} with points that are no numbers or far "
                "outside of the image. Coordinates are pixels of the image"
            )
    return [part for part in mask if len(part) >= 6]


def run_lengths(mask: dict, size: Size | None) -> dict:
    """A compressed run-length code, of one that may not be compressed.

    Args:
        mask: with ``size`` (height, width) and ``counts``; it gets integers in both.
        size: of the image, if known.

    Raises:
        ValueError: It is of another size than the image, or a list of counts does not
            fill it; of compressed ones :func:`filling` says so.
    """
    own, counts = mask.get("size"), mask.get("counts")
    pair = integers(own) or [0]
    lengths = counts if isinstance(counts, str) else integers(counts)
    if len(pair) != 2 or min(pair) < 1 or not lengths:
        raise ValueError(
            f"is no run-length code: it has size {own!r:.60} and counts {counts!r:.60},"
            " and needs [height, width] and a list or text"
        )
    mask.update(size=pair, counts=lengths)
    if size and tuple(pair) != size:
        raise ValueError(
            f"is a run-length code for {pair[0]} x {pair[1]} pixels, but the file "
            f"gives its image {size[0]} x {size[1]} (height x width). Write size as "
            "[height, width], and make masks of the size of the image"
        )
    if isinstance(lengths, str):
        return mask
    if min(lengths) < 0 or sum(lengths) != pair[0] * pair[1]:
        raise ValueError(broken(mask))
    return mask_api.frPyObjects(mask, *pair)


def broken(mask: dict) -> str:
    """What is wrong with a run-length code whose counts are."""
    return (
        "is a run-length code whose counts do not fill its {} x {} pixels. Write it "
        "again".format(*mask["size"])
    )


def encode_polygons(parts: list[list[float]], size: Size) -> dict:
    """Polygons as one compressed run-length code."""
    if len(parts) == 1:
        return mask_api.frPyObjects(parts, *size)[0]
    return mask_api.merge(mask_api.frPyObjects(parts, *size))


def has_idle_part(parts: list[list[float]], whole: dict) -> bool:
    """Whether one of the polygons lies within the others, so that it adds nothing.

    Args:
        parts: polygons of an object.
        whole: their code, of :func:`encode_polygons`.
    """
    if len(parts) == 1:
        return False
    codes = mask_api.frPyObjects(parts, *whole["size"])
    areas, area = [area_of(code) for code in codes], area_of(whole)
    if sum(areas) == area:  # they do not overlap
        return False
    before = list(accumulate(codes, _union))
    behind = list(accumulate(codes[::-1], _union))[::-1]
    for k, own in enumerate(areas):
        others = [*before[:k][-1:], *behind[k + 1 :][:1]]
        if own and area_of(mask_api.merge(others)) == area:
            return True
    return False


def area_of(code: dict) -> int:
    """Pixels of a mask, by its compressed run-length code."""
    return int(mask_api.area(code))  # of a list it fails from 256 codes on


def _union(first: dict, second: dict) -> dict:
    return mask_api.merge([first, second])


def codes_of_map(numbers: np.ndarray) -> dict[int, dict]:
    """Compressed run-length code of each number in a map but 0.

    Holes stay holes, and parts that do not touch are one mask. The time does not depend
    on how many numbers there are.

    Args:
        numbers: (H, W) integers.
    """
    pixels = numbers.ravel(order="F")  # codes go down the columns
    starts = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate([[0], starts, [pixels.size]])
    owners = pixels[edges[:-1]]
    order = owners.argsort()
    found, first = np.unique(owners[order], return_index=True)
    codes = {}
    for number, runs in zip(found.tolist(), np.split(order, first[1:]), strict=True):
        if number:
            ends = np.sort(np.concatenate([edges[runs], edges[runs + 1]]))
            counts = np.diff(ends, prepend=0, append=pixels.size)
            codes[number] = counts[: len(counts) - (counts[-1] == 0)].tolist()
    size = list(numbers.shape)
    masks = [dict(size=size, counts=counts) for counts in codes.values()]
    found = mask_api.frPyObjects(masks, *size) if masks else []
    return dict(zip(codes, found, strict=True))


def measured(code: dict) -> dict:
    """What a file says of a mask: area and bbox in pixels, and its run-length code."""
    counts = code["counts"]
    text = counts if isinstance(counts, str) else counts.decode()
    return dict(
        area=area_of(code),
        bbox=mask_api.toBbox(code).tolist(),
        segmentation=dict(code, counts=text),
    )


def extent(parts: list[list[float]]) -> Size:
    """Height and width that hold polygons whose image is of unknown size."""
    points = np.concatenate([np.reshape(part, (-1, 2)) for part in parts])
    width, height = np.ceil(points.max(axis=0)).astype(int).tolist()
    return max(height, 1), max(width, 1)


def filling(masks: Sequence[dict]) -> np.ndarray:
    """Whether each of some compressed run-length codes fills its size.

    A character holds five bits and whether the number goes on; numbers from the fourth
    on are differences to the one before the last. Many codes at once take a fiftieth
    of the time that they take one by one.
    """
    texts = [mask["counts"].encode(errors="surrogatepass") for mask in masks]
    codes = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)  # below 0: above 63
    ends = np.cumsum([len(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), np.diff(ends, prepend=0))
    whole = codes[ends - 1] < 32
    whole[owner[codes > 63]] = False
    if not whole.all():
        return whole
    last = np.flatnonzero(codes < 32)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    numbers = np.add.reduceat((codes & 31).astype(np.int64) << 5 * place, first)
    numbers -= (codes[last] >> 4 & 1).astype(np.int64) << 5 * (place[last] + 1)
    owner = owner[last]
    within = np.arange(len(owner)) - np.searchsorted(owner, owner)
    for chosen in (within % 2 == 1, (within % 2 == 0) & (within > 0)):
        numbers[chosen] = _running_sums(numbers[chosen], owner[chosen])
    totals = np.bincount(owner, numbers)
    whole &= np.bincount(owner[numbers < 0], minlength=len(texts)) == 0
    return whole & (totals == [mask["size"][0] * mask["size"][1] for mask in masks])


def _running_sums(numbers: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Running sums of numbers that begin anew with each owner."""
    sums = numbers.cumsum()
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    before = sums[starts] - numbers[starts]
    return sums - np.repeat(before, np.diff(starts, append=len(owner)))
