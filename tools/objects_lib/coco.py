"""Images and objects of COCO's instance files, as samples to convert."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from dataset_converters.preparation import require
from mmseg_maskformer.core.conventions import shown
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.objects import prepare_objects

from .folders import SPLITS, Sample, key_of, labels_by_key


def read_coco(
    files: Sequence[Path], images: Path, label_maps: Path | None
) -> tuple[list[Sample], list[dict]]:
    """Every image that the files list, and their categories.

    Args:
        files: one of all images, or one for training and one for validation.
        images: their folder; it may hold one for each of two files, train and val.
        label_maps: the same, if there are label maps.

    Raises:
        OSError: A file or folder is missing.
        ValueError: A file is none of COCO's instances, or the two differ in categories.
    """
    if len(files) > 2:
        raise ValueError(
            f"--coco has {len(files)} files: give one of all images, or one of "
            "training and one of validation."
        )
    splits = SPLITS if len(files) == 2 else ("",)
    samples: list[Sample] = []
    categories: list[dict] = []
    for split, path in zip(splits, files, strict=True):
        require(path, "the file of COCO's instances")
        file = CocoFile.read(str(path), name=str(path))
        prepare_objects(file)
        own = [dict(id=x["id"], name=x["name"]) for x in file.categories]
        if categories and own != categories:
            raise ValueError(
                f"{files[0]} and {path} have different categories, "
                f"{shown(x['name'] for x in categories)} and "
                f"{shown(x['name'] for x in own)}: give both the same ids and names in "
                "the same order."
            )
        categories = own
        samples += _samples(file, split, images, label_maps)
    return samples, categories


def _samples(
    file: CocoFile, split: str, images: Path, label_maps: Path | None
) -> list[Sample]:
    folder = images / split if (images / split).is_dir() else images
    require(folder, "the folder of images")
    _check_names(file, folder)
    own = split if label_maps and (label_maps / split).is_dir() else ""
    labels = labels_by_key(label_maps, own)
    objects = defaultdict(list)
    for row in file.annotations:
        objects[row["image_id"]].append(row)
    found = [Sample(split, folder, _entry(x), objects[x["id"]]) for x in file.images]
    if label_maps is None:
        return found
    lone = [str(x.image) for x in found if x.key not in labels]
    if lone:
        raise OSError(
            f"{len(lone)} of {len(found)} images of {file.name} have no label map of "
            f"their name in {label_maps}: {shown(lone)}. Name both alike but for the "
            "suffix."
        )
    return [x._replace(labels=labels[x.key]) for x in found]


def _entry(image: dict) -> dict:
    """What files say of an image, with the size where the file has one."""
    keys = ("id", "file_name", "height", "width")
    return {key: image[key] for key in keys[: None if image["sized"] else 2]}


def _check_names(file: CocoFile, folder: Path) -> None:
    """Images are there, below the folder, and no two of them would share a map."""
    names = [image["file_name"] for image in file.images]
    paths = [PurePosixPath(name) for name in names]
    outside = [str(x) for x in paths if x.is_absolute() or ".." in x.parts]
    if outside:
        raise ValueError(
            f"{file.name} names images outside of {folder}: {shown(outside)}. Write "
            "file_name as it is below the folder of images."
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise OSError(
            f"{file.name} lists {len(missing)} of {len(names)} images that are not in "
            f"{folder}: {shown(missing)}. Name their folder by --images, or remove "
            "them and their annotations from the file."
        )
    times = Counter(map(key_of, names))
    if twice := [name for name in names if times[key_of(name)] > 1]:
        raise ValueError(
            f"{file.name} lists images of the same name but for the suffix: "
            f"{shown(twice)}. Rename or remove all but one."
        )
