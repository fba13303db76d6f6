"""The files of a data set: panoptic maps, and what JSON files say of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dataset_converters.preparation import UNFINISHED, for_each, write_whole

from .classes import Classes
from .folders import SPLITS, Sample
from .maps import IdMaps
from .painting import Converted, convert


class Results(NamedTuple):
    """Where the results of a split are: a folder of maps and two files."""

    maps: Path
    panoptic: Path
    instances: Path

    @classmethod
    def of(cls, out: Path, split: str) -> Results:
        """Those of a split in a folder."""
        name = f"panoptic_{split}"
        return cls(out / name, out / f"{name}.json", out / f"instances_{split}.json")

    @property
    def unfinished(self) -> Path:
        """The folder of maps until all of them are written."""
        return self.maps.with_name(self.maps.name + UNFINISHED)


def check_results(out: Path, inputs: Iterable[Path], force: bool) -> None:
    """Refuse to write over what is there.

    Args:
        out: the folder of the results.
        inputs: files and folders that are read, which are never replaced.
        force: replace other results.

    Raises:
        OSError: Something is there.
    """
    results = [path for split in SPLITS for path in Results.of(out, split)]
    resolved = [path.resolve() for path in results]
    for path in inputs:
        if {path.resolve(), *path.resolve().parents} & {*resolved}:
            raise FileExistsError(
                f"{path} is read and would be replaced by a result of that name: write "
                "the results into another folder, --out FOLDER, or rename it."
            )
    there = [path for path in results if path.exists()]
    if there and not force:
        raise FileExistsError(
            f"{there[0]} is there already: write --force to replace it and the other "
            "results, or --out FOLDER."
        )


def write_splits(
    out: Path,
    samples: Sequence[Sample],
    classes: Classes,
    id_maps: IdMaps,
    workers: int = 1,
) -> dict[str, list[Converted]]:
    """Write ``panoptic_{split}`` and two JSON files of each split into a folder.

    Nothing has its final name, and nothing is replaced, before all is converted.

    Args:
        out: the folder.
        samples: all images.
        classes: of the data set.
        id_maps: how they are read.
        workers: processes.

    Returns:
        What was written of each image, by split.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should, or a split has no object.
    """
    found = {}
    for split in SPLITS:
        folder = Results.of(out, split).unfinished
        shutil.rmtree(folder, ignore_errors=True)
        chosen = [sample for sample in samples if sample.split == split]
        print(f"{split}: converting {len(chosen)} images")
        task = partial(convert, classes=classes, id_maps=id_maps, folder=folder)
        found[split] = for_each(task, chosen, workers)
        if not any(image.instances for image in found[split]):
            raise ValueError(
                f"None of the {len(chosen)} images of {split} has an object. Check the "
                "maps, or choose other images for it."
            )
    for split, images in found.items():
        _publish(Results.of(out, split), images, classes)
    return found


def _publish(results: Results, found: Sequence[Converted], classes: Classes) -> None:
    """Give the maps of a split their name, and write its JSON files."""
    for path in (results.panoptic, results.instances):
        path.unlink(missing_ok=True)
    shutil.rmtree(results.maps, ignore_errors=True)
    results.unfinished.replace(results.maps)
    rows = [row for x in found for row in x.instances]
    objects = [dict(row, id=place) for place, row in enumerate(rows, start=1)]
    for path, listed, categories in (
        (results.panoptic, [x.panoptic for x in found], classes.categories),
        (results.instances, objects, classes.things),
    ):
        images = [x.image for x in found]
        content = dict(images=images, annotations=listed, categories=categories)
        write_whole(path, json.dumps(content).encode())
