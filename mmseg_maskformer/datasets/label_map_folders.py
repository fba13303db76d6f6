"""Images and label maps in folders, with an error where files are absent."""

from __future__ import annotations

import logging
import os
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from mmengine import fileio
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import not_there, other_void, shown
from mmseg_maskformer.datasets.file_errors import naming_file

from .metainfo import merged_metainfo
from .pipeline_checks import check_built
from .pipeline_steps import flattened, loads_labels
from .transforms.image_files import IMAGE_SUFFIXES, SELDOM_SUFFIXES
from .transforms.label_maps import LoadLabelMap, classes_in


class LabelMapDataset(BaseSegDataset):
    """Images of one folder and label maps of another, paired by name.

    Takes the arguments of the host's ``BaseSegDataset``: ``data_root``,
    ``data_prefix`` (``img_path``, ``seg_map_path``), ``img_suffix`` (".jpg", or several
    in a tuple), ``seg_map_suffix`` (".png"), ``ann_file`` (a list of names, one a line,
    with or without suffix), ``metainfo`` with ``classes``, and more. Void is
    ``ignore_index`` (255) in label maps of 16 bits too, unless that is a class: then it
    is 65535 in these.

    Raises:
        FileNotFoundError: There is no such folder, list, image or label map.
        ValueError: ``classes`` is no list of names, a line of the list names two files,
            two images have one label map, void is a class or the label of the last one,
            or the pipeline would separate image and label map.
    """

    def __init__(self, img_suffix: str | Sequence[str] = ".jpg", **kwargs: Any) -> None:
        suffixes = (img_suffix,) if isinstance(img_suffix, str) else tuple(img_suffix)
        self._occurring: dict[str, list[int]] = {}  # by label map
        self._suffixes = sorted(suffixes, key=len, reverse=True)
        super().__init__(img_suffix=suffixes[0], **kwargs)
        self._check_void()
        check_built(self)

    @classmethod
    def _load_metainfo(cls, metainfo: Any = None) -> dict:
        """The host's merging of class names, with a colour for each."""
        merged = super()._load_metainfo(metainfo)
        return merged_metainfo(merged, metainfo, cls.METAINFO)

    def _check_void(self) -> None:
        """Refuse a void that is a class; 255 may be one, if the maps have 16 bits."""
        classes = self.metainfo.get("classes") or ()
        number = len(classes)
        if 0 <= self.ignore_index < number and self.ignore_index != VOID:
            raise ValueError(
                f"The data set has ignore_index={self.ignore_index}, which is class "
                f"{classes[self.ignore_index]!r} of the {number} classes: its pixels "
                f"would not be void. {other_void('data set', number)}"
            )
        if self.reduce_zero_label and number == self.ignore_index:
            raise ValueError(
                f"With reduce_zero_label=True the label of the last of {number} classes"
                f" is {number}, and {number} is void in label maps. Write maps that "
                f"begin at 0, {number} where a pixel is void, and leave "
                "reduce_zero_label out."
            )

    def load_data_list(self) -> list[dict]:
        """An entry for every image that is listed, or that the folder holds.

        Raises:
            FileNotFoundError: There is no list or folder, no image in it, or an image
                or label map is not there.
            ValueError: A line of the list names two files, or two images have one
                label map.
            OSError: The list cannot be read.
        """
        if self.ann_file and not osp.exists(self.ann_file):
            raise FileNotFoundError(
                f"{not_there('list of images', self.ann_file)}; correct data_root and "
                "ann_file, or leave ann_file out to take all images of the folder."
            )
        listed = osp.isfile(self.ann_file)
        names = self._listed_names() if listed else self._names_of_folder()
        if not names:
            raise FileNotFoundError(self._nothing_found())
        entries = [self._entry(name) for name in names]
        self._check_files(entries, "img_path")
        if any(map(loads_labels, flattened(self.pipeline.transforms))):
            self._check_files(entries, "seg_map_path")
            self._check_pairs(names)
        return entries

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes in the label map of an image, as ``ClassBalancedDataset`` asks.

        They are those of training: read by the pipeline's loading, once.

        Raises:
            ValueError: The data set has no label maps, or a file is none.
            OSError: The file cannot be read.
        """
        info = self.get_data_info(idx)
        if "seg_map_path" not in info:
            raise ValueError(
                "Classes of images are those of their label maps; set data_prefix."
                "seg_map_path of the data set."
            )
        path = info["seg_map_path"]
        if path not in self._occurring:
            steps = filter(loads_labels, flattened(self.pipeline.transforms))
            labels = next(steps, LoadLabelMap())(info)["gt_seg_map"]
            number = len(self.metainfo["classes"])
            self._occurring[path] = classes_in(labels, number)
        return self._occurring[path]

    def _names_of_folder(self) -> list[str]:
        """Images below the folder; others are counted in the log."""
        folder = self.data_prefix["img_path"]
        files = self._files(folder, "data_prefix.img_path")
        names = sorted(x for x in files if x.endswith(tuple(self._suffixes)))
        others = set(files) - set(names) - self._label_maps(files, names)
        kinds = Counter(osp.splitext(file)[1] for file in others)
        known = (*IMAGE_SUFFIXES, *SELDOM_SUFFIXES)
        left = [f"{n} *{x}" for x, n in sorted(kinds.items()) if x.lower() in known]
        if names and left:
            print_log(
                f"{folder}: {len(names)} images *{shown(self._suffixes)} are taken, "
                f"{shown(left)} are not: img_suffix may be a tuple.",
                logger="current",
                level=logging.WARNING,
            )
        return names

    def _label_maps(self, files: list[str], names: list[str]) -> set[str]:
        """Which files of the folder of images are label maps, or named as those are."""
        found = {self._stem(name) + self.seg_map_suffix for name in names}
        if (folder := self.data_prefix.get("seg_map_path")) is not None:
            images, maps = (
                PurePath(osp.abspath(x)) for x in (self.data_prefix["img_path"], folder)
            )
            ends = (x for x in files if x.endswith(self.seg_map_suffix))
            found |= {x for x in ends if (images / x).is_relative_to(maps)}
        return found

    def _listed_names(self) -> list[str]:
        """Files of the listed images; empty lines and a BOM are left out."""
        with naming_file("list of images", self.ann_file):
            text = Path(self.ann_file).read_text("utf-8-sig")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        known = (*self._suffixes, self.seg_map_suffix)
        for line in lines:
            if sum(word.endswith(known) for word in line.split()) > 1:
                raise ValueError(
                    f"{self.ann_file} has the line {line!r}, which names two files; "
                    "write the name of an image, without its folder's."
                )
        names = self._images_of(lines)
        if again := len(names) - len(set(names)):
            print_log(
                f"{self.ann_file}: {again} of {len(names)} lines name an image that is "
                "listed before; it counts as often as it is listed.",
                logger="current",
                level=logging.WARNING,
            )
        return names

    def _images_of(self, lines: list[str]) -> list[str]:
        """The file that each line names; if it is not there, one of another suffix."""
        stems = [self._stem(line) for line in lines]
        if len(self._suffixes) == 1:
            return [stem + self.img_suffix for stem in stems]
        there = set(self._files(self.data_prefix["img_path"], "data_prefix.img_path"))
        names = []
        for line, stem in zip(lines, stems, strict=True):
            written = [line] if line != stem else []
            choices = [*written, *(stem + x for x in self._suffixes)]
            names.append(next((x for x in choices if x in there), choices[0]))
        return names

    def _stem(self, name: str) -> str:
        """The name of an image without its suffix."""
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return name[: -len(suffix)]
        return name

    def _entry(self, name: str) -> dict[str, Any]:
        """What the pipeline gets of an image."""
        entry = dict(
            img_path=osp.join(self.data_prefix["img_path"], name),
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[],
        )
        folder = self.data_prefix.get("seg_map_path")
        if folder is not None:
            labels = self._stem(name) + self.seg_map_suffix
            entry["seg_map_path"] = osp.join(folder, labels)
        if len(self.metainfo.get("classes") or ()) <= self.ignore_index:
            entry["void_label"] = self.ignore_index
        return entry

    def _files(self, folder: str, key: str) -> list[str]:
        """All files below a folder."""
        try:
            return list(
                fileio.list_dir_or_file(
                    folder,
                    list_dir=False,
                    recursive=True,
                    backend_args=self.backend_args,
                )
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{not_there('folder', error.filename)}; correct data_root and {key} "
                "of the data set."
            ) from error

    def _check_files(self, entries: list[dict], key: str) -> None:
        """Refuse names of files that are not there, by listing their local folder."""
        folder = self.data_prefix.get(key)
        backend = get_file_backend(folder or ".", backend_args=self.backend_args)
        if folder is None or not isinstance(backend, LocalBackend):
            return
        there = {osp.join(folder, x) for x in self._files(folder, f"data_prefix.{key}")}
        absent = [x[key] for x in entries if x[key] not in there]
        absent = [x for x in absent if not os.path.exists(x)]  # by a link or ".."
        if absent:
            kind = "images" if key == "img_path" else "label maps"
            place = self.ann_file if osp.isfile(self.ann_file) else "data_prefix"
            suffix = "img_suffix" if key == "img_path" else "seg_map_suffix"
            raise FileNotFoundError(
                f"{len(absent)} of {len(entries)} {kind} are not there: "
                f"{shown(absent)}. Correct {place} or {suffix} of the data set."
            )

    def _check_pairs(self, names: list[str]) -> None:
        """Refuse images whose names differ in the suffix alone."""
        taken: dict[str, str] = {}  # by stem
        for name in names:
            stem = self._stem(name)
            other = taken.setdefault(stem, name)
            if other != name:
                raise ValueError(
                    f"The images {other} and {name} in {self.data_prefix['img_path']} "
                    f"have one label map, {stem}{self.seg_map_suffix}. List the one "
                    "that it belongs to in ann_file, with its suffix, or leave the "
                    "other's out of img_suffix."
                )

    def _nothing_found(self) -> str:
        """Why there is no image."""
        if osp.isfile(self.ann_file):
            return f"{self.ann_file} names no image; write one a line."
        folder = self.data_prefix["img_path"]
        files = self._files(folder, "data_prefix.img_path")
        there = sorted({osp.splitext(file)[1] or file for file in files})
        kinds = f"files of {shown(there)}" if there else "no file at all"
        return (
            f"There is no image {osp.join(folder, '*' + self._suffixes[0])}; the folder"
            f" holds {kinds}. Set data_root, data_prefix.img_path and img_suffix of the"
            " data set; upper and lower case differ."
        )
