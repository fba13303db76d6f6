"""Names and ids that the results of a data set's images go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from os import path as osp
from typing import NamedTuple

from mmengine.dataset import BaseDataset


class ImageFile(NamedTuple):
    """What the files of results call an image; names have slashes on every system."""

    image_id: int | str  # of the annotation file, or the place in the data set, from 1
    image: str  # name of the image below the folder of all
    map: str  # name of the PNG that shows a result of it


def image_files(leaves: list[BaseDataset]) -> dict[str, ImageFile]:
    """Of every image, by its path, the id and the names in files of results.

    Names begin below the image folder of the data set, or below the deepest folder of
    all images where there is no such. A map is called after its image, with the suffix
    of the image where two images differ in that only.

    Raises:
        ValueError: Two images have the same ``img_id``.
    """
    infos = {info["img_path"]: info for leaf in leaves for info in _infos(leaf)}
    rows = enumerate(infos.items(), start=1)
    ids = {path: info.get("img_id", place) for place, (path, info) in rows}
    files = _named(ids, _folder(leaves))
    _check_ids(files)
    return files


def image_names(leaves: list[BaseDataset]) -> dict[str, str]:
    """Of every image, by its path, its name in the same files."""
    paths = {path: 0 for leaf in leaves for path in image_paths(leaf)}
    files = _named(paths, _folder(leaves))
    return {path: file.image for path, file in files.items()}


def image_paths(leaf: BaseDataset) -> list[str]:
    """Paths of the images of a data set that has files of them."""
    return [info["img_path"] for info in _infos(leaf) if "img_path" in info]


def listed_files(paths: Sequence[str]) -> dict[str, ImageFile]:
    """The same of images that no data set has; ids are their places, from 1."""
    return _named({path: place for place, path in enumerate(paths, start=1)})


def _named(ids: Mapping[str, int | str], folder: str = "") -> dict[str, ImageFile]:
    """Names of images, by their paths, below a folder that all of them lie in."""
    if not ids:
        return {}
    paths = [osp.abspath(path) for path in ids]  # without "..", which leads out
    if not folder or not all(x.startswith(osp.join(folder, "")) for x in paths):
        folder = osp.commonpath([osp.dirname(path) for path in paths])
    below = [osp.relpath(path, folder).replace(osp.sep, "/") for path in paths]
    rows = zip(ids.items(), below, _map_names(below), strict=True)
    return {path: ImageFile(number, *names) for (path, number), *names in rows}


def _infos(leaf: BaseDataset) -> Iterator[dict]:
    """Entries of the images; sets that draw their images are not made to."""
    leaf.full_init()
    for index in range(len(leaf)):
        yield BaseDataset.get_data_info(leaf, index)


def _folder(leaves: list[BaseDataset]) -> str:
    """The image folder of a data set; empty where there is none, or several."""
    prefix = getattr(leaves[0], "data_prefix", None) or {}
    folder = prefix.get("img_path") or prefix.get("img")
    return osp.abspath(folder) if folder and len(leaves) == 1 else ""


def _map_names(images: list[str]) -> list[str]:
    """A PNG's name for every image, no two alike."""
    stems = [osp.splitext(name)[0] for name in images]
    times = Counter(stem.lower() for stem in stems)  # some disks fold cases
    names = [
        f"{stem if times[stem.lower()] == 1 else name}.png"
        for name, stem in zip(images, stems, strict=True)
    ]
    if len({name.lower() for name in names}) < len(names):  # a.jpg, a.bmp, a.jpg.jpg
        return [f"{name}.png" for name in images]
    return names


def _check_ids(files: dict[str, ImageFile]) -> None:
    seen: dict[int | str, str] = {}
    for path, file in files.items():
        other = seen.setdefault(file.image_id, path)
        if other != path:
            raise ValueError(
                f"{other} and {path} have the same image id {file.image_id}, so that "
                "results could not be told apart. Give every image of the annotation "
                "file an id of its own, or write the results of one data set at a time."
            )
