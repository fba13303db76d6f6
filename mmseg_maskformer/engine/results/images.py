"""Names and ids that the results of a data set's images go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
    paths = [osp.abspath(path) for path in infos]  # without "..", which leads out
    root = _root(leaves, paths)
    below = [osp.relpath(path, root).replace(osp.sep, "/") for path in paths]
    ids = [x.get("img_id", place) for place, x in enumerate(infos.values(), start=1)]
    rows = zip(infos, ids, below, _map_names(below), strict=True)
    files = {path: ImageFile(*row) for path, *row in rows}
    _check_ids(files)
    return files


def _infos(leaf: BaseDataset) -> Iterator[dict]:
    """Entries of the images; sets that draw their images are not made to."""
    leaf.full_init()
    for index in range(len(leaf)):
        yield BaseDataset.get_data_info(leaf, index)


def _root(leaves: list[BaseDataset], paths: list[str]) -> str:
    """The folder that the names of results start from."""
    if len(leaves) == 1:
        prefix = getattr(leaves[0], "data_prefix", None) or {}
        folder = prefix.get("img_path") or prefix.get("img")
        folder = folder and osp.abspath(folder)
        if folder and all(x.startswith(osp.join(folder, "")) for x in paths):
            return folder
    return osp.commonpath([osp.dirname(path) for path in paths])


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
