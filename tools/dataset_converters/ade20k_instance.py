"""Prepare ADE20K instance: ``python tools/dataset_converters/ade20k_instance.py ROOT``.

ROOT is the folder ADEChallengeData2016 of the release, with annotations_instance beside
images. ``ade20k_instance_{train,val}.json`` are written into it, in COCO's format:
masks as run-length codes, ids of images as in the panoptic files, and the class of the
semantic data set, 0..149, as id of each of the 100 categories. A repeated run reads all
images again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from dataset_converters.ade20k_panoptic import (  # noqa: E402
    SPLITS,
    Sample,
    find_samples,
    read_objects,
)
from dataset_converters.preparation import (  # noqa: E402
    for_each,
    loaded_size,
    reading,
    run_tool,
    write_whole,
)
from mmseg_maskformer.datasets.ade20k_panoptic_classes import THINGS  # noqa: E402
from mmseg_maskformer.datasets.coco.masks import codes_of_map, measured  # noqa: E402


def prepare_ade20k_instance(root: Path, workers: int = 1) -> str:
    """Write ``ade20k_instance_{train,val}.json`` below the root.

    Args:
        root: the folder ADEChallengeData2016, with ``images`` and
            ``annotations_instance``.
        workers: processes.

    Returns:
        What was written, a line for each split.

    Raises:
        ImportError: MMDetection, whose names of the classes are used, is not there.
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should.
    """
    from mmdet.datasets import ADE20KInstanceDataset

    names = ADE20KInstanceDataset.METAINFO["classes"]
    categories = [
        dict(id=label, name=name) for label, name in zip(THINGS, names, strict=True)
    ]
    samples = {split: find_samples(root, split) for split in SPLITS}
    return "\n".join(
        _write(
            root / f"ade20k_instance_{SPLITS[split]}.json", found, categories, workers
        )
        for split, found in samples.items()
    )


def _write(
    path: Path, samples: list[Sample], categories: list[dict], workers: int
) -> str:
    print(f"{path.name}: reading {len(samples)} images")
    rows = for_each(listed, samples, workers)
    images, objects = [row[0] for row in rows], [x for row in rows for x in row[1]]
    annotations = [dict(x, id=place) for place, x in enumerate(objects, start=1)]
    content = dict(images=images, annotations=annotations, categories=categories)
    write_whole(path, json.dumps(content).encode())
    classes = {x["category_id"] for x in annotations}
    return (
        f"{path}: {len(images)} images, {len(annotations)} objects of {len(classes)} "
        f"of the {len(categories)} classes."
    )


def listed(sample: Sample) -> tuple[dict, list[dict]]:
    """The entry of an image in the annotation file, and those of its objects."""
    objects, labels = read_objects(sample.image, sample.instances)
    with reading(sample.image), Image.open(sample.image) as image:
        height, width = loaded_size(image)
    name, stem = sample.image.name, sample.image.stem
    found = [
        dict(image_id=stem, category_id=labels[number], iscrowd=0, **measured(code))
        for number, code in codes_of_map(objects).items()
    ]
    return dict(id=stem, file_name=name, height=height, width=width), found


if __name__ == "__main__":
    run_tool(
        prepare_ade20k_instance,
        description="Prepare ADE20K instance, 100 classes",
        root="the folder ADEChallengeData2016, which holds annotations_instance",
    )
