"""COCO semantic: ``python tools/dataset_converters/coco_semantic.py ROOT``.

ROOT is the folder coco, with annotations/panoptic_{train,val}2017.json and the folders
panoptic_{train,val}2017. Of each split that is there, ``panoptic_semseg_{split}2017``
is written: 8-bit PNG with the class 0..132 in the order of the ids of the categories,
255 where void. Crowds have their class. What is finished is skipped when the command is
repeated.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from dataset_converters.preparation import (  # noqa: E402
    encoded,
    for_each,
    read_image,
    reading,
    require,
    run_tool,
    write_whole,
)
from mmseg_maskformer.datasets.coco.segments import segment_ids  # noqa: E402

IGNORED = 255
SPLITS = ("train2017", "val2017")


class Row(NamedTuple):
    """A panoptic map, the label map that is written, and class by id of segment."""

    panoptic: Path
    labels: Path
    categories: dict[int, int]


def prepare_coco_semantic(root: Path, workers: int = 1) -> str:
    """Write ``panoptic_semseg_{train,val}2017`` below the root.

    Args:
        root: the folder coco, with ``annotations`` and ``panoptic_{train,val}2017``.
        workers: processes.

    Returns:
        What was written, a line for each split.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should.
    """
    files = {split: root / f"annotations/panoptic_{split}.json" for split in SPLITS}
    there = [split for split in SPLITS if files[split].exists()]
    if not there:
        require(files["val2017"], "the annotation file of COCO panoptic")
    return "\n".join(_convert_split(root, x, files[x], workers) for x in there)


def _convert_split(root: Path, split: str, path: Path, workers: int) -> str:
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
    labels = contiguous(path, content["categories"])
    folder = root / f"panoptic_semseg_{split}"
    rows = [
        Row(
            panoptic=root / f"panoptic_{split}" / row["file_name"],
            labels=folder / row["file_name"],
            categories={x["id"]: x["category_id"] for x in row["segments_info"]},
        )
        for row in content["annotations"]
    ]
    todo = [row for row in rows if not row.labels.exists()]
    print(f"{split}: converting {len(todo)} maps, {len(rows) - len(todo)} are finished")
    for_each(partial(convert, labels=labels), todo, workers)
    return f"{folder}: {len(rows)} label maps of {len(labels)} classes."


def contiguous(path: Path, categories: list[dict]) -> dict[int, int]:
    """Class 0, 1, ... of each category, in the order of their ids.

    Raises:
        ValueError: There are none, or more than 8 bits can hold beside 255.
    """
    ids = sorted(category["id"] for category in categories)
    if not 0 < len(ids) <= IGNORED:
        raise ValueError(
            f"{path} lists {len(ids)} categories; label maps of 8 bits hold 1 to "
            f"{IGNORED}. Download the panoptic annotations of COCO 2017 again."
        )
    return {category: label for label, category in enumerate(ids)}


def convert(row: Row, labels: dict[int, int]) -> None:
    """Write the label map (H, W) of a panoptic map."""
    colours = read_image(row.panoptic)
    if colours.ndim != 3 or colours.dtype != np.uint8:
        raise ValueError(
            f"{row.panoptic} is no RGB image of 8 bits, as panoptic maps are. Unpack "
            "it again."
        )
    found, places = np.unique(segment_ids(colours[..., :3]), return_inverse=True)
    strange = sorted(set(found.tolist()) - {0, *row.categories})
    if strange:
        raise ValueError(
            f"Pixels of {row.panoptic} have the id {strange[0]}, which its annotation "
            "does not list. Check that the file and the folder belong together."
        )
    table = [labels[row.categories[x]] if x else IGNORED for x in found.tolist()]
    values = np.array(table, np.uint8)[places].reshape(colours.shape[:2])
    write_whole(row.labels, encoded(values, "PNG"))


if __name__ == "__main__":
    run_tool(
        prepare_coco_semantic,
        description="Write label maps of COCO panoptic, 133 classes",
        root="the folder coco, which holds annotations and panoptic_{train,val}2017",
    )
