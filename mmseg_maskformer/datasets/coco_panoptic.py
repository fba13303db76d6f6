"""COCO's panoptic and instance data for MMDetection, checked when they are read."""

from __future__ import annotations

import os
import posixpath
from os import path as osp
from typing import Any

from mmdet import datasets as host
from mmdet.datasets.api_wrappers import COCO, COCOPanoptic
from mmengine.fileio import LocalBackend, get_file_backend

from .coco_files import CocoFile, shown
from .pipeline_checks import check_built
from .transforms import naming


class CocoPanopticDataset(host.CocoPanopticDataset):
    """The host's data set; a wrong annotation file ends in a sentence when it is read.

    Panoptic maps are the files that the annotations name. A segment counts however
    small its ``area`` and ``bbox`` are said to be: the host drops those below a pixel,
    and their pixels would belong to nothing. Takes the host's arguments.

    Raises:
        OSError: The annotation file or a panoptic map that it names is missing.
        ValueError: The annotation file is of another kind, holds no segment, or
            contradicts itself or ``metainfo``, or the pipeline would separate image
            and map.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_built(self)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """The host's entry of an image, with the map that the annotation names."""
        info = super().parse_data_info(raw_data_info)
        if self.data_prefix.get("seg"):
            name = raw_data_info["raw_img_info"]["segm_file"]
            info["seg_map_path"] = osp.join(self.data_prefix["seg"], name)
        return info

    def _read(self, path: str) -> CocoFile:
        """The annotation file."""
        return CocoFile(path, name=self.ann_file)

    def _checked_index(self, path: str) -> COCOPanoptic:
        """The host's index of the file."""
        file = self._read(path)
        file.check_classes(self.metainfo["classes"])
        file.check_things(self.metainfo)
        if "annotations" in file.content or not self.test_mode:
            self._check_annotations(file)
            _enlarge(file.segments)
        index = _indexed(COCOPanoptic(), file)
        for annotation in file.annotations:
            index.imgs[annotation["image_id"]]["segm_file"] = annotation["file_name"]
        return index

    COCOAPI = _checked_index  # what the host reads the file with

    def _check_annotations(self, file: CocoFile) -> None:
        file.check_kind(panoptic=True)
        file.drop_strangers()
        file.require({"file_name", "segments_info"}, "annotation", file.annotations)
        file.check_some(file.segments)
        file.check_every_image()
        keys = {"id", "category_id", "area", "bbox"}
        file.require(keys, "segment", file.segments)
        file.check_category_ids(file.segments, among=self.metainfo["classes"])
        file.check_crowds()
        self._check_maps({annotation["file_name"] for annotation in file.annotations})

    def _check_maps(self, names: set[str]) -> None:
        """Refuse names of maps that are not there, by listing their local folders."""
        folder = self.data_prefix.get("seg")
        if not folder:
            raise ValueError(
                f"data_prefix of the data set with {self.ann_file} has no folder of "
                "panoptic maps. Write data_prefix=dict(img='...', seg='...')."
            )
        backend = get_file_backend(folder, backend_args=self.backend_args)
        missing = isinstance(backend, LocalBackend) and _missing(folder, names)
        if missing:
            raise FileNotFoundError(
                f"{self.ann_file} names {len(missing)} panoptic map(s) that are not in "
                f"{folder}: {shown(missing)}. Put them there, check data_prefix, or "
                "remove their images and annotations from the file."
            )


class CocoInstanceDataset(host.CocoDataset):
    """The host's data set; a wrong annotation file ends in a sentence when it is read.

    Takes the host's arguments.

    Raises:
        OSError: The annotation file is missing.
        ValueError: The annotation file is of another kind, holds no object or objects
            without masks, or contradicts itself or ``metainfo``, or the pipeline would
            separate image and masks.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_built(self)

    def _checked_index(self, path: str) -> COCO:
        """The host's index of the file."""
        file = CocoFile(path, name=self.ann_file)
        file.check_classes(self.metainfo["classes"])
        if "annotations" in file.content or not self.test_mode:
            file.check_kind(panoptic=False)
            file.drop_strangers()
            file.check_some(file.annotations)
            keys = {"id", "category_id", "area", "bbox", "segmentation"}
            file.require(keys, "annotation", file.annotations)
            listed = {category["name"] for category in file.categories}
            file.check_category_ids(file.annotations, among=listed)  # the host chooses
        return _indexed(COCO(), file)

    COCOAPI = _checked_index  # what the host reads the file with


def _indexed(index: COCO, file: CocoFile) -> COCO:
    """The host's empty index, filled."""
    index.dataset = file.content
    index.createIndex()
    return index


def _enlarge(segments: list[dict]) -> None:
    """Say that every segment measures a pixel or more."""
    for segment in segments:
        x, y, width, height = segment["bbox"]
        segment["bbox"] = [x, y, max(width, 1), max(height, 1)]
        segment["area"] = max(segment["area"], 1)


def _missing(folder: str, names: set[str]) -> list[str]:
    """Which names are no files of the folder; its parts are listed, not asked.

    Names have slashes, on every system.
    """
    present = set()
    for part in sorted({posixpath.dirname(name) for name in names}):
        with naming("folder of panoptic maps", osp.join(folder, part)):
            files = os.listdir(osp.join(folder, part))
        present |= {posixpath.join(part, file) for file in files}
    return sorted(names - present)
