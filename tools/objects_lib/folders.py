"""Images with what annotates them, by the names of files, and their splits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset_converters.preparation import require
from mmseg_maskformer.core.conventions import shown
from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES, files_below

SPLITS = ("train", "val")
MAP_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")


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
    labels: Path | None = None

    @property
    def image(self) -> Path:
        """The file of the image."""
        return self.folder / self.entry["file_name"]

    @property
    def key(self) -> str:
        """The name of the image without its suffix."""
        return key_of(self.entry["file_name"])


def key_of(name: str | Path) -> str:
    """The name that the files of an image share, below their folders."""
    return Path(name).with_suffix("").as_posix()


def find_samples(images: Path, id_maps: Path, label_maps: Path | None) -> list[Sample]:
    """Every image below a folder with its maps, in the folders of splits or not.

    Raises:
        OSError: A folder is missing or empty, or a file has no partner.
        ValueError: Two files have the same name but for the suffix.
    """
    samples: list[Sample] = []
    for split in splits_of(images):
        folder = images / split
        pictures = files_by_key(folder, IMAGE_SUFFIXES, "the folder of images")
        maps = files_by_key(id_maps / split, MAP_SUFFIXES, "the folder of id maps")
        check_partners(pictures, folder, maps, id_maps / split, "id map")
        labels = labels_by_key(label_maps, split)
        if label_maps is not None:
            check_partners(pictures, folder, labels, label_maps / split, "label map")
        first = len(samples) + 1
        samples += [
            Sample(
                split,
                folder,
                dict(id=place, file_name=path.relative_to(folder).as_posix()),
                maps[key],
                labels.get(key),
            )
            for place, (key, path) in enumerate(pictures.items(), start=first)
        ]
    return samples


def splits_of(images: Path) -> Sequence[str]:
    """The folders of splits in a folder of images, or "" where there are none.

    Raises:
        OSError: There is one split without the other.
    """
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


def labels_by_key(label_maps: Path | None, split: str) -> dict[str, Path]:
    """The label maps of a split, none without a folder of them."""
    if label_maps is None:
        return {}
    return files_by_key(label_maps / split, MAP_SUFFIXES, "the folder of label maps")


def files_by_key(folder: Path, suffixes: Collection[str], what: str) -> dict[str, Path]:
    """Files below a folder, sorted by the names that they share with others.

    Raises:
        OSError: There is no such folder, or no such file.
        ValueError: Two files have the same name but for the suffix.
    """
    found: dict[str, Path] = {}
    for path in files_below(require(folder, what), suffixes):
        key = key_of(path.relative_to(folder))
        if key in found:
            raise ValueError(
                f"{found[key]} and {path} have the same name but for the suffix: "
                "remove or rename one of them."
            )
        found[key] = path
    if not found:
        raise OSError(
            f"{folder}, {what}, holds no file of {', '.join(suffixes)}, in no folder "
            "below it: name another."
        )
    return found


def check_partners(
    images: dict[str, Path],
    image_folder: Path,
    maps: dict[str, Path],
    map_folder: Path,
    what: str,
) -> None:
    """Every image has a map, and every map an image.

    Raises:
        OSError: One has not.
    """
    lone = [images[key] for key in images if key not in maps]
    if lone:
        raise OSError(
            f"{len(lone)} of {len(images)} images have no {what} of their name in "
            f"{map_folder}: {shown(lone)}. Name both alike but for the suffix; the id "
            "map of an image without an object is 0 everywhere."
        )
    lone = [maps[key] for key in maps if key not in images]
    if lone:
        raise OSError(
            f"{len(lone)} of {len(maps)} {what}s have no image of their name in "
            f"{image_folder}: {shown(lone)}. Name both alike but for the suffix, or "
            "remove the rest."
        )


def choose_split(
    samples: Sequence[Sample],
    val_list: Path | None = None,
    val_share: float | None = None,
    seed: int = 0,
) -> list[Sample]:
    """Samples with their splits, in their order.

    Args:
        samples: all have a split, or none.
        val_list: a file with the names of the images of validation, one a line.
        val_share: of the images; drawn by chance otherwise.
        seed: of this draw.

    Raises:
        OSError: There is no such file.
        ValueError: Splits are given twice or not at all, or one would be empty.
    """
    given: list = [x for x in (val_list, val_share) if x is not None]
    if any(sample.split for sample in samples):
        if given:
            raise ValueError(
                "The splits are there already, as folders train and val or as two "
                "files: leave out --val-list and --val-share."
            )
        return list(samples)
    if len(given) != 1:
        raise ValueError(
            f"Which of the {len(samples)} images are for validation? Put images and "
            "maps into folders train and val, or write --val-share 0.2, or --val-list "
            "FILE with a name a line; one of these."
        )
    keys = [sample.key for sample in samples]
    if val_list is not None:
        chosen = _listed(keys, val_list)
    else:
        chosen = _drawn(keys, given[0], seed)
    if not 0 < len(chosen) < len(keys):
        raise ValueError(
            f"{len(chosen)} of {len(keys)} images would be for validation: neither "
            "split may be empty."
        )
    return [x._replace(split=SPLITS[x.key in chosen]) for x in samples]


def _drawn(keys: Sequence[str], share: float, seed: int) -> set[str]:
    if not 0 < share < 1:
        raise ValueError(f"--val-share {share} is no share: write one as 0.2.")
    order = np.random.default_rng(seed).permutation(sorted(keys))
    return set(order[: round(share * len(keys))].tolist())


def _listed(keys: Sequence[str], path: Path) -> set[str]:
    """Names of a list, with or without suffix."""
    require(path, "the list of the images of validation")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    known = {*keys}
    unknown = [x for x in lines if x not in known and key_of(x) not in known]
    if unknown:
        raise ValueError(
            f"{path} lists {len(unknown)} names of no image: {shown(unknown)}. Write "
            "the name of an image a line, as it is below the folder of images."
        )
    return {line if line in known else key_of(line) for line in lines}


def unused_images(images: Path, samples: Sequence[Sample]) -> list[Path]:
    """Images below a folder that no sample has, as of a test split."""
    used = {sample.image for sample in samples}
    return [path for path in files_below(images) if path not in used]
