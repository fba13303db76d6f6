"""Prepare ADE20K panoptic: ``python tools/dataset_converters/ade20k_panoptic.py ROOT``.

ROOT is the folder ADEChallengeData2016 of the release, with annotations_instance beside
annotations; panoptic maps and annotation files are written into it. What is finished is
skipped when the command is repeated.

Every stuff class of the semantic map is a segment, every object of the instance map is
another one and lies above the stuff; thing classes without an object are void. As in
the paper's code, areas and boxes in the JSON files are of whole segments, covered parts
included, and segments that are covered altogether are listed, too.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import find_objects

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from dataset_converters.preparation import (  # noqa: E402
    encoded,
    for_each,
    loaded_size,
    read_image,
    reading,
    require,
    require_equal_sizes,
    run_tool,
    write_whole,
)
from mmseg_maskformer.datasets.ade20k_panoptic_classes import (  # noqa: E402
    NUM_CLASSES,
    STUFF,
    THINGS,
)
from mmseg_maskformer.datasets.class_orders import CLASS_ORDERS  # noqa: E402
from mmseg_maskformer.datasets.coco.segments import segment_ids  # noqa: E402

SPLITS = {"training": "train", "validation": "val"}  # of the release, of ours

_STUFF_VALUES = np.isin(np.arange(256) - 1, STUFF) * np.arange(256)  # others are 0


class Sample(NamedTuple):
    """An image, its two maps as released, and the panoptic map that is written."""

    image: Path
    semantic: Path
    instances: Path
    panoptic: Path


class Category(NamedTuple):
    """A class as the annotation file lists it."""

    id: int
    name: str
    isthing: int
    color: tuple[int, int, int]


def prepare_ade20k_panoptic(root: Path, workers: int = 1) -> str:
    """Write ``ade20k_panoptic_{train,val}`` and a JSON file of each below the root.

    Args:
        root: the folder ADEChallengeData2016, with ``images``, ``annotations`` and
            ``annotations_instance``.
        workers: processes.

    Returns:
        What was written, a sentence for each split.

    Raises:
        ImportError: MMDetection, whose names of the classes are used, is not there.
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should.
    """
    categories = list_categories()
    samples = {split: find_samples(root, split) for split in SPLITS}
    return "\n".join(
        _prepare_split(root, split, found, categories, workers)
        for split, found in samples.items()
    )


def list_categories() -> list[Category]:
    """The classes, things before stuff, with MMDetection's names and colours."""
    from mmseg_maskformer.datasets.panoptic_sets import ADE20KPanopticDataset

    info = ADE20KPanopticDataset.METAINFO
    rows = zip(CLASS_ORDERS["ade20k"], info["classes"], info["palette"], strict=True)
    return [Category(x, name, int(x in THINGS), color) for x, name, color in rows]


def find_samples(root: Path, split: str) -> list[Sample]:
    """Every image of a split of the release with its maps."""
    images = require(root / "images" / split, "images of ADEChallengeData2016")
    samples = [
        Sample(
            image=image,
            semantic=root / "annotations" / split / f"{image.stem}.png",
            instances=root / "annotations_instance" / split / f"{image.stem}.png",
            panoptic=root / f"ade20k_panoptic_{SPLITS[split]}" / f"{image.stem}.png",
        )
        for image in sorted(images.glob("*.jpg"))
    ]
    if not samples:
        raise OSError(f"{images} holds no *.jpg: unpack ADEChallengeData2016.")
    return samples


def _prepare_split(
    root: Path,
    split: str,
    samples: list[Sample],
    categories: list[Category],
    workers: int,
) -> str:
    todo = [sample for sample in samples if not sample.panoptic.exists()]
    done = len(samples) - len(todo)
    print(f"{split}: converting {len(todo)} images, {done} are finished")
    for_each(partial(convert, categories=categories), todo, workers)
    print(f"{split}: checking {len(samples)} panoptic maps")
    rows = for_each(partial(listed, categories=categories), samples, workers)
    images, annotations = map(list, zip(*rows, strict=True))
    path = root / f"ade20k_panoptic_{SPLITS[split]}.json"
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [category._asdict() for category in categories],
    }
    write_whole(path, json.dumps(content).encode())
    segments = [x for row in annotations for x in row["segments_info"]]
    classes = {segment["category_id"] for segment in segments}
    return (
        f"{path}: {len(images)} images, each with a panoptic map that holds what its "
        f"two maps say; {len(segments)} segments of {len(classes)} of the "
        f"{NUM_CLASSES} classes."
    )


def convert(sample: Sample, categories: list[Category]) -> None:
    """Write the panoptic map of an image."""
    write_whole(sample.panoptic, encoded(painted(sample, categories)[0], "PNG"))


def listed(sample: Sample, categories: list[Category]) -> tuple[dict, dict]:
    """The entries of an image in the annotation file; its map must be as converted."""
    colours, segments = painted(sample, categories)
    if not np.array_equal(read_image(sample.panoptic), colours):
        raise ValueError(
            f"{sample.panoptic} does not hold what {sample.semantic} and "
            f"{sample.instances} say: delete it and run the tool again."
        )
    height, width = colours.shape[:2]
    name, stem = sample.image.name, sample.image.stem
    image = dict(id=stem, file_name=name, height=height, width=width)
    return image, dict(
        image_id=stem, file_name=sample.panoptic.name, segments_info=segments
    )


def painted(
    sample: Sample, categories: list[Category]
) -> tuple[np.ndarray, list[dict]]:
    """The panoptic map (H, W, 3) uint8 and the list of its segments."""
    stuff, objects, labels = _layers(sample)
    values = np.where(objects > 0, NUM_CLASSES + objects, stuff)
    found = {
        **_measured(stuff),
        **{NUM_CLASSES + x: size for x, size in _measured(objects).items()},
    }
    numbers = sorted(found)
    classes = [labels[x - NUM_CLASSES] if x > NUM_CLASSES else x - 1 for x in numbers]
    colour_of = {category.id: category.color for category in categories}
    colours = np.reshape(_distinct([colour_of[x] for x in classes]), (-1, 3))
    table = np.zeros((NUM_CLASSES + 256, 3), np.uint8)  # black is void
    table[numbers] = colours
    rows = zip(segment_ids(colours).tolist(), classes, numbers, strict=True)
    segments = [
        dict(id=key, category_id=label, iscrowd=0, **found[value])
        for key, label, value in rows
    ]
    return table[values], segments


def _layers(sample: Sample) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Stuff (H, W) as class + 1, numbers of objects (H, W), and their classes."""
    semantic = read_image(sample.semantic)
    require_equal_sizes(
        sample.image, _size(sample.image), sample.semantic, semantic.shape[:2]
    )
    if semantic.ndim != 2 or semantic.dtype != np.uint8 or semantic.max() > NUM_CLASSES:
        raise ValueError(
            f"{sample.semantic} is no map of 8 bits with the values 0..{NUM_CLASSES}, "
            "as annotations of ADEChallengeData2016 are. Unpack it again."
        )
    return _STUFF_VALUES[semantic], *read_objects(sample.image, sample.instances)


def read_objects(image: Path, instances: Path) -> tuple[np.ndarray, dict[int, int]]:
    """Numbers of the objects (H, W), 0 where there is none, and their classes.

    Args:
        image: an image of the release.
        instances: its map of instances, category and number in two channels.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: The map is none of the release.
    """
    pixels = read_image(instances)
    require_equal_sizes(image, _size(image), instances, pixels.shape[:2])
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"{instances} is no RGB image of 8 bits, as annotations_instance of "
            "ADEChallengeData2016 are. Unpack it again."
        )
    categories, objects = pixels[..., 0].astype(int), pixels[..., 1].astype(int)
    return objects, _labels(instances, categories, objects)


def _size(path: Path) -> tuple[int, int]:
    with reading(path), Image.open(path) as image:
        return loaded_size(image)


def _labels(path: Path, categories: np.ndarray, objects: np.ndarray) -> dict[int, int]:
    """Semantic class by the number of an object."""
    labels = {}
    for code in np.unique(256 * objects + categories).tolist():
        number, category = divmod(code, 256)
        if number == 0:
            continue
        if number in labels or not 1 <= category <= len(THINGS):
            raise ValueError(
                f"{path} gives object {number} the category {category}: each object "
                f"has one, between 1 and {len(THINGS)}. Unpack it again."
            )
        labels[number] = THINGS[category - 1]
    return labels


def _measured(layer: np.ndarray) -> dict[int, dict]:
    """Area in pixels and box (x, y, width, height) of every value above 0."""
    areas = np.bincount(layer.ravel()).tolist()
    boxes = enumerate(find_objects(layer), start=1)
    return {
        value: dict(
            area=areas[value],
            bbox=[x.start, y.start, x.stop - x.start, y.stop - y.start],
        )
        for value, (y, x) in ((value, box) for value, box in boxes if box)
    }


def _distinct(colours: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The colours; one that is taken moves by at most 30, the same way every time."""
    rng = np.random.default_rng(0)
    taken = {(0, 0, 0)}
    chosen = []
    for colour in colours:
        moved = colour
        while moved in taken:
            shift = rng.integers(-30, 31, size=3)
            red, green, blue = np.clip(np.add(colour, shift), 0, 255).tolist()
            moved = (red, green, blue)
        taken.add(moved)
        chosen.append(moved)
    return chosen


if __name__ == "__main__":
    run_tool(
        prepare_ade20k_panoptic,
        description="Prepare ADE20K panoptic, 100 things and 50 stuff",
        root="the folder ADEChallengeData2016, which holds annotations_instance",
    )
