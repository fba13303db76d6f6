"""The files of a data set: panoptic maps, and what JSON files say of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from dataset_converters.preparation import for_each

from .classes import Classes
from .painting import Converted
from .samples import SPLITS, Sample, key_of


def results_in(out: Path) -> list[Path]:
    """What is written into a folder."""
    names = ("panoptic_{}", "panoptic_{}.json", "instances_{}.json")
    return [out / name.format(split) for split in SPLITS for name in names]


def check_results(out: Path, inputs: Iterable[Path], force: bool) -> None:
    """Refuse to write over what is read, and with ``force`` alone over the rest.

    Raises:
        OSError: Something is there.
    """
    results = results_in(out)
    resolved = {path.resolve() for path in results}
    for path in inputs:
        if resolved & {path.resolve(), *path.resolve().parents}:
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


def write_results(
    out: Path,
    samples: Sequence[Sample],
    classes: Classes,
    convert: Callable[..., Converted],
    workers: int = 1,
) -> dict[str, list[Converted]]:
    """Write ``panoptic_{split}`` and two JSON files of each split into a folder.

    Nothing has its final name, and nothing is replaced, before all is written. What
    ``convert(sample, folder=...)`` gives is returned, by split.

    Raises:
        OSError: A file is missing or incomplete.
        ValueError: A file does not hold what it should, or a split has no object.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = {}
    with TemporaryDirectory(prefix="unfinished-", dir=out) as draft:
        for split in SPLITS:
            chosen = [sample for sample in samples if sample.split == split]
            print(f"{split}: converting {len(chosen)} images")
            task = partial(convert, folder=Path(draft, f"panoptic_{split}"))
            found[split] = for_each(task, chosen, workers)
            _write_lists(Path(draft), split, found[split], classes)
        put_in_place(Path(draft), out)
    return found


def put_in_place(draft: Path, out: Path) -> None:
    """Give all results their names, or none where that is interrupted once.

    Args:
        draft: folder that has them, and gets the former ones.
        out: folder on the same disk.
    """
    begun = []
    try:
        for path in results_in(out):
            former = draft / f"former_{path.name}"
            begun.append((path, former))
            if path.exists():
                path.replace(former)
            (draft / path.name).replace(path)
    except BaseException:
        for path, former in reversed(begun):
            if not (draft / path.name).exists():
                path.replace(draft / path.name)
            if former.exists():
                former.replace(path)
        raise


def _write_lists(
    folder: Path, split: str, found: Sequence[Converted], classes: Classes
) -> None:
    """What COCO's two formats say of the images of a split."""
    objects = [row for x in found for row in x.objects]
    if not objects:
        raise ValueError(
            f"None of the {len(found)} images of {split} has an object. Check the "
            "maps, or choose other images for it."
        )
    panoptic = [
        dict(
            image_id=x.image["id"],
            file_name=f"{key_of(x.image['file_name'])}.png",
            segments_info=x.segments,
        )
        for x in found
    ]
    instances = [dict(row, id=place) for place, row in enumerate(objects, start=1)]
    things = classes.categories[: classes.num_things]
    own = [dict(id=x["id"], name=x["name"]) for x in things]
    for kind, rows, categories in (
        ("panoptic", panoptic, classes.categories),
        ("instances", instances, own),
    ):
        images = [x.image for x in found]
        text = json.dumps(dict(images=images, annotations=rows, categories=categories))
        (folder / f"{kind}_{split}.json").write_text(text, encoding="utf-8")
