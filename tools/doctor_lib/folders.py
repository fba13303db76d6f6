"""The files of a data set without a config: images and label maps in folders."""

from __future__ import annotations

from pathlib import Path

from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES, files_below

from .sources import Item, Source

_IMAGE_FOLDERS = ("images", "img_dir", "imgs", "image")
_SPLITS = {"training": "train", "validation": "val", "valid": "val"}  # of folders
LABEL_FOLDERS = ("annotations", "ann_dir", "labels", "masks", "label", "mask")


def of_folder(folder: Path) -> Source:
    """Images and label maps below a folder, paired by name.

    They lie in images/SPLIT and annotations/SPLIT, or in SPLIT/images and
    SPLIT/annotations.

    Raises:
        SystemExit: There are no images.
    """
    source = Source(str(folder))
    parts = [folder]
    if not _is_part(folder):
        inside = sorted(x for x in folder.glob("[!.]*") if x.is_dir())
        parts = [x for x in inside if _is_part(x)] or parts
        source.warnings += [
            f"{x} holds images and is left out: {parts[0].name} beside it has folders "
            "of images and label maps, and it has none."
            for x in inside
            if parts != [folder] and x not in parts and files_below(x)
        ]
    for part in parts:
        _add_part(source, part, "" if part == folder else part.name)
    if not source.items:
        raise SystemExit(
            f"There are no images ({', '.join(IMAGE_SUFFIXES)}) below {folder}."
        )
    return source


def _is_part(folder: Path) -> bool:
    """Whether folders of images or label maps lie in a folder."""
    images = any((folder / x).is_dir() for x in _IMAGE_FOLDERS)
    return images or _labels_in(folder) is not None


def _labels_in(folder: Path) -> Path | None:
    """The folder of label maps in a folder; one of other files alone (JSON) is none."""
    for path in (folder / x for x in LABEL_FOLDERS):
        suffixes = {x.suffix.lower() for x in files_below(path, None)}
        if path.is_dir() and (not suffixes or suffixes & {*IMAGE_SUFFIXES}):
            return path
    return None


def _add_part(source: Source, folder: Path, split: str) -> None:
    """The images and label maps of a folder; of a split, if it is named."""
    images = next((folder / x for x in _IMAGE_FOLDERS if (folder / x).is_dir()), folder)
    labels = _labels_in(folder)
    maps: dict[str, Path] = {}
    if labels is not None:
        for path in _read(source, labels):
            if maps.setdefault(_key(path, labels), path) != path:
                source.doubles.append(str(path))
    for path in _read(source, images, without=labels):
        key = _key(path, images)
        partner = maps.pop(key, None)
        if partner is None and labels is not None:
            source.unpaired.append(str(path))
        name = split or (Path(key).parts[0] if "/" in key else "all")
        item = Item(_SPLITS.get(name, name), str(path), str(partner or ""))
        source.items.append(item)
    source.unpaired += [str(path) for path in maps.values()]


def _read(source: Source, folder: Path, without: Path | None = None) -> list[Path]:
    """Images below a folder; files of other suffixes are counted."""
    files = [x for x in files_below(folder, None) if without not in x.parents]
    others = (x.suffix for x in files if x.suffix.lower() not in IMAGE_SUFFIXES)
    source.unread.update(others)
    return [x for x in files if x.suffix.lower() in IMAGE_SUFFIXES]


def _key(path: Path, folder: Path) -> str:
    """The name that an image and its label map share."""
    return path.relative_to(folder).with_suffix("").as_posix()
