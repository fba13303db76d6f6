r"""How many classes an image has, and how often each of them occurs.

    python tools/analysis/class_frequencies.py CONFIG --csv classes.csv
    python tools/analysis/class_frequencies.py data/mine/annotations/train

Reads the whole label maps of a semantic or panoptic config's training images, before
any crop, or all label maps below a folder. Prints the mean number of classes of an
image (the paper has 8.2 for ADE20K, 6.6 for COCO-Stuff-10K and 9.1 for ADE20K-Full),
and of each class the images that it occurs in and its share of all pixels with a class.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from mmseg_maskformer.engine.arguments import add_cfg_options, output_file

_LOADS = ("LoadLabelMap", "LoadAnnotations", "LoadPanopticMap")
_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
ImageClasses = dict[int, int]  # pixels of each class of one image


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="a config, or a folder of label maps")
    parser.add_argument(
        "--split", choices=["train", "val", "test"], default="train", help="of a config"
    )
    parser.add_argument(
        "--void", type=int, default=255, help="label of no class, in a folder"
    )
    parser.add_argument("--csv", type=output_file, help="write the classes there")
    add_cfg_options(parser)
    return parser.parse_args()


def config_images(path: Path, split: str, overrides: dict) -> tuple[Iterator, list]:
    """Classes of the images of a config, and the names of all classes.

    Raises:
        SystemExit: Nothing in the pipeline loads label maps.
    """
    from mmengine.registry import DATASETS, init_default_scope

    from mmseg_maskformer.engine.launch import read_config

    config = read_config(str(path), overrides)
    init_default_scope(config.get("default_scope", "mmseg"))
    settings = config[f"{split}_dataloader"].dataset
    given = settings.get("pipeline", ())
    loads = [x for x in given if x["type"].rpartition(".")[2] in _LOADS]
    dataset = DATASETS.build(dict(settings, pipeline=loads))
    names = list(dataset.metainfo["classes"])
    return (_classes(dataset[i], len(names), path) for i in range(len(dataset))), names


def _classes(sample: dict[str, Any], num_classes: int, path: Path) -> ImageClasses:
    """Pixels of the classes of a loaded sample."""
    if "gt_seg_map" not in sample:
        raise SystemExit(
            f"The pipeline of {path} loads no label maps ({', '.join(_LOADS)}); give a "
            "semantic or panoptic config."
        )
    found = _pixels(sample["gt_seg_map"])
    if "segments" not in sample:
        return {label: n for label, n in found.items() if 0 <= label < num_classes}
    counts: Counter[int] = Counter()
    for number, label, _ in sample["segments"]:
        counts[label] += found.get(number, 0)
    return {label: n for label, n in counts.items() if n}


def folder_images(folder: Path, void: int) -> Iterator[ImageClasses]:
    """Classes of the label maps below a folder.

    Raises:
        SystemExit: There are none, or a file is no map of integers.
    """
    from PIL import Image

    paths = sorted(x for x in folder.rglob("*") if x.suffix.lower() in _SUFFIXES)
    if not paths:
        raise SystemExit(
            f"There are no label maps ({', '.join(_SUFFIXES)}) in {folder}"
        )
    for path in paths:
        with Image.open(path) as image:
            labels = np.asarray(image)
        if labels.ndim != 2 or labels.dtype.kind not in "biu":
            raise SystemExit(
                f"{path} has shape {labels.shape} and type {labels.dtype}; a label map "
                "has one channel of integers, the class of each pixel."
            )
        yield {label: n for label, n in _pixels(labels).items() if label != void}


def _pixels(labels: np.ndarray) -> dict[int, int]:
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def summary(images: Iterable[ImageClasses], names: list[str]) -> tuple[str, list[dict]]:
    """What is printed first, and a row for each class, the most frequent first."""
    per_image: list[int] = []
    occurs: Counter[int] = Counter()
    pixels: Counter[int] = Counter()
    for found in images:
        per_image.append(len(found))
        occurs.update(list(found))
        pixels.update(found)
    every = range(len(names)) if names else sorted(occurs)
    total = max(sum(pixels.values()), 1)
    rows = [
        dict(
            label=label,
            name=names[label] if names else "",
            images=occurs[label],
            images_percent=round(100 * occurs[label] / len(per_image), 2),
            pixels_percent=round(100 * pixels[label] / total, 4),
        )
        for label in sorted(every, key=lambda label: -occurs[label])
    ]
    text = (
        f"{statistics.mean(per_image):.2f} classes in the mean image (median "
        f"{statistics.median(per_image):g}, {min(per_image)} to {max(per_image)}), "
        f"{len(occurs)} of {len(rows)} classes occur, {len(per_image)} images"
    )
    return text, rows


def main() -> None:
    """Count, print, write."""
    args = parse_args()
    names: list[str] = []
    if args.source.is_dir():
        found = folder_images(args.source, args.void)
    else:
        found, names = config_images(args.source, args.split, args.cfg_options)
    text, rows = summary(found, names)
    print(text)
    for row in rows:
        images, pixels = row["images_percent"], row["pixels_percent"]
        share = f"{images:6.2f} % of images {pixels:8.4f} % of pixels"
        print(f"{row['label']:5} {row['name']:24} {share}")
    if args.csv:
        with args.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
