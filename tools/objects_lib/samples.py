"""Images with what annotates them, from folders or from COCO's files, and splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from dataset_converters.preparation import require
from mmseg_maskformer.core.messages import shown
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.groups import groups
from mmseg_maskformer.datasets.coco.objects import prepare_objects
from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES, files_below

SPLITS = ("train", "val")


class Sample(NamedTuple):
    """An image and what annotates it.

    Attributes:
        split: "train" or "val", "" until it is chosen.
        folder: of the images of the split.
        entry: of the image in annotation files, with ``id`` and ``file_name``, its
            name below the folder, and perhaps with ``height`` and ``width``.
        objects: its id map, or its objects in a file of COCO's.
        labels: its label map, if there is one.
    """

    split: str
    folder: Path
    entry: dict
    objects: Path | list[dict]
    labels: Path | None

    @property
    def image(self) -> Path:
        """The file of the image."""
        return self.folder / self.entry["file_name"]

    @property
    def key(self) -> str:
        """The name of the image without its suffix, which its maps share."""
        return key_of(self.entry["file_name"])


def samples_of_maps(
    images: Path, id_maps: Path, label_maps: Path | None
) -> list[Sample]:
    """Every image below a folder with its maps, in the folders of splits or not.

    Raises:
        OSError: A folder is missing or empty, or a file has no partner.
        ValueError: Two files have the same name but for the suffix.
    """
    samples: list[Sample] = []
    for split in _splits_of(images):
        folder = images / split
        pictures = _files(folder, IMAGE_SUFFIXES, "image")
        ids = _maps(pictures, id_maps / split, "id map", folder)
        labels = _maps(pictures, label_maps and label_maps / split, "label map", folder)
        for key, path in pictures.items():
            name = path.relative_to(folder).as_posix()
            entry = dict(id=len(samples) + 1, file_name=name)
            samples.append(Sample(split, folder, entry, ids[key], labels.get(key)))
    return samples


def samples_of_coco(
    files: Sequence[Path],
    images: Path,
    label_maps: Path | None,
    things: Collection[str],
) -> tuple[list[Sample], list[dict]]:
    """Every image that the files list; ``id`` and ``name`` of the classes.

    A category that only groups others is none, unless ``things`` has its name. Of two
    files the first one is of training. Each has images and label maps in folders
    train and val, if there are these.

    Raises:
        OSError: A file or folder is missing.
        ValueError: A file is none of COCO's instances, or the two differ in categories.
    """
    samples: list[Sample] = []
    categories: list[list[dict]] = []
    rows: list[dict] = []
    for split, path in zip(SPLITS if files[1:] else ("",), files, strict=True):
        require(path, "the file of COCO's instances")
        file = CocoFile.read(str(path), name=str(path))
        prepare_objects(file)
        categories.append([dict(id=x["id"], name=x["name"]) for x in file.categories])
        rows += file.annotations
        objects = defaultdict(list)
        for row in file.annotations:
            objects[row["image_id"]].append(row)
        folder = require(_of_split(images, split), "the folder of images")
        pictures = _listed_images(file, folder)
        where = label_maps and _of_split(label_maps, split)
        labels = _maps(pictures, where, "label map")
        for key, image in zip(pictures, file.images, strict=True):
            known = ("id", "file_name", "height", "width")[: 4 if image["sized"] else 2]
            entry = {name: image[name] for name in known}
            found = objects[image["id"]]
            samples.append(Sample(split, folder, entry, found, labels.get(key)))
    if categories[0] != categories[-1]:
        names = [shown(x["name"] for x in own) for own in categories]
        raise ValueError(
            f"{files[0]} and {files[1]} have different categories, {names[0]} and "
            f"{names[1]}: give both the same ids and names in the same order."
        )
    return samples, _classes(file, rows, things)


def _classes(
    file: CocoFile, rows: Iterable[dict], named: Collection[str]
) -> list[dict]:
    """``id`` and ``name`` of the categories that are classes, which a group is not."""
    left = [x for x in groups(file.categories, rows) if x["name"] not in named]
    if left:
        names = shown(x["name"] for x in left)
        print(f"Categories that only group others are no classes: {names}.")
    return [dict(id=x["id"], name=x["name"]) for x in file.categories if x not in left]


def _splits_of(images: Path) -> Sequence[str]:
    """The folders of splits in a folder of images, or "" where there are none."""
    there = [split for split in SPLITS if (images / split).is_dir()]
    if len(there) == 1:
        (missing,) = {*SPLITS} - {*there}
        raise OSError(
            f"{images} has a folder {there[0]} and no {missing}. Put images into "
            f"{images / missing}, or convert {images / there[0]} alone: --images, "
            "--id-maps and --label-maps name it and those of its maps, and --val-share "
            "splits it."
        )
    return there or ("",)


def _of_split(folder: Path, split: str) -> Path:
    return folder / split if (folder / split).is_dir() else folder


def _files(folder: Path, suffixes: Collection[str], what: str) -> dict[str, Path]:
    """Files below a folder, sorted, by their keys."""
    found = files_below(require(folder, f"the folder of {what}s"), suffixes)
    if not found:
        raise OSError(
            f"{folder}, the folder of {what}s, holds no file of {', '.join(suffixes)}, "
            "in no folder below it: name another."
        )
    return _by_key(found, folder, str(folder))


def _maps(
    images: dict[str, Path], folder: Path | None, what: str, alone: Path | None = None
) -> dict[str, Path]:
    """Maps of a folder by their keys, one for every image; none without a folder.

    With ``alone``, the folder of the images, no other maps may be there.
    """
    if folder is None:
        return {}
    maps = _files(folder, (*IMAGE_SUFFIXES, ".npy"), what)
    for files, others, kind, other, where in (
        (images, maps, "image", what, folder),
        (maps, images, what, "image", alone),
    ):
        lone = [path for key, path in files.items() if key not in others]
        if lone and where:
            raise OSError(
                f"{len(lone)} of {len(files)} {kind}s have no {other} of their name in "
                f"{where}: {shown(lone)}. Name both alike but for the suffix, or "
                "remove the rest; the id map of no object is 0 everywhere."
            )
    return maps


def _listed_images(file: CocoFile, folder: Path) -> dict[str, Path]:
    """Images of a file, in its order, by their keys; they are there and below."""
    names = [image["file_name"] for image in file.images]
    lost = [
        name
        for name in names
        if {"/", ".."} & {*PurePosixPath(name).parts} or not (folder / name).is_file()
    ]
    if lost:
        raise OSError(
            f"{file.name} lists {len(lost)} of {len(names)} images that are not below "
            f"{folder}: {shown(lost)}. Name their folder by --images, write file_name "
            "as it is below it, or remove them and their annotations from the file."
        )
    return _by_key([folder / name for name in names], folder, file.name)


def _by_key(paths: Iterable[Path], folder: Path, where: str) -> dict[str, Path]:
    """Files by their names below a folder, without suffix."""
    found: dict[str, Path] = {}
    for path in paths:
        key = key_of(path.relative_to(folder))
        if found.get(key) == path:
            raise ValueError(
                f"{where} lists the image {path} twice: give its annotations the id of "
                "one, and remove the other."
            )
        if key in found:
            raise ValueError(
                f"{where} has {found[key]} and {path}, of the same name but for the "
                "suffix: rename or remove one of them."
            )
        found[key] = path
    return found


def key_of(name: str | Path) -> str:
    """The name of a file below a folder, without suffix."""
    return Path(name).with_suffix("").as_posix()


def choose_split(
    samples: Sequence[Sample], val_list: Path | None, val_share: float | None, seed: int
) -> list[Sample]:
    """Samples with their splits, in their order.

    Where they have none, those of validation are listed in a file, a name a line, or
    their share of the images is drawn by a seed.

    Raises:
        OSError: There is no such file.
        ValueError: Splits are given twice or not at all, or one would be empty.
    """
    keys = sorted(sample.key for sample in samples)
    is_there = any(sample.split for sample in samples)
    if is_there == (val_list is not None or val_share is not None):
        state = "given twice" if is_there else "not given"
        raise ValueError(
            f"The splits of the {len(keys)} images are {state}: put images and maps "
            "into folders train and val, or give two files of COCO's, or write "
            "--val-share 0.2, or --val-list FILE with a name a line; one of these."
        )
    if is_there:
        return list(samples)
    if val_list is None:
        number = round(min(max(val_share or 0, 0), 1) * len(keys))
        chosen = {*np.random.default_rng(seed).permutation(keys)[:number].tolist()}
    else:
        chosen = _listed({*keys}, val_list)
    if not 0 < len(chosen) < len(keys):
        raise ValueError(
            f"{len(chosen)} of {len(keys)} images would be for validation: neither "
            "split may be empty. Write a share as --val-share 0.2, or list others."
        )
    return [x._replace(split=SPLITS[x.key in chosen]) for x in samples]


def _listed(keys: Collection[str], path: Path) -> set[str]:
    """Keys of a list of names, with or without suffix."""
    require(path, "the list of the images of validation")
    lines = map(str.strip, path.read_text(encoding="utf-8-sig").splitlines())
    found = {line: line if line in keys else key_of(line) for line in lines if line}
    if unknown := [line for line, key in found.items() if key not in keys]:
        raise ValueError(
            f"{path} lists {len(unknown)} names of no image: {shown(unknown)}. Write "
            "the name of an image a line, as it is below the folder of images."
        )
    return {*found.values()}
