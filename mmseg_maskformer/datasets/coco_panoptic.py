"""COCO's panoptic and instance data for MMDetection, checked when they are read."""

from __future__ import annotations

import io
import os
from os import path as osp
from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmdet import datasets as host
from mmdet.datasets.api_wrappers import COCO, COCOPanoptic
from mmengine.dataset import Compose
from mmengine.fileio import LocalBackend, get, get_file_backend
from mmengine.logging import print_log
from PIL import Image

from mmseg_maskformer.core.messages import shown
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.image_sizes import SizeChecking
from mmseg_maskformer.datasets.coco.index import fill_index
from mmseg_maskformer.datasets.coco.objects import choose_classes, prepare_objects
from mmseg_maskformer.datasets.coco.segments import prepare_segments
from mmseg_maskformer.datasets.file_errors import naming_file

from .metainfo import merged_metainfo
from .pipeline_checks import check_built

_KEEPS = "allow_negative_crop"  # of MMDetection's RandomCrop: without, it drops images


class _Checked(host.CocoDataset):
    """What both data sets add to the host's.

    The size that the file gives an image is compared when the image is loaded, and
    images that ``filter_cfg`` leaves out are counted in the log. It is an error if it
    leaves out all, or if an image is not there.
    """

    pipeline: Compose

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._unsized: set[int | str] = set()
        super().__init__(*args, **kwargs)
        steps = self.pipeline.transforms
        self.pipeline = SizeChecking(steps, self.ann_file, self._unsized)
        check_built(self)

    @classmethod
    def _load_metainfo(cls, metainfo: Any = None) -> dict:
        """The host's merging of class names, with a colour for each."""
        merged = super()._load_metainfo(metainfo)
        return merged_metainfo(merged, metainfo, cls.METAINFO)

    def filter_data(self) -> list[dict]:
        """The host's choice of images, without those whose objects are all crowds.

        Raises:
            ValueError: It leaves out all.
        """
        kept = super().filter_data()
        if not self.test_mode and (self.filter_cfg or {}).get("filter_empty_gt"):
            kept = [
                image
                for image in kept
                if not all(x["ignore_flag"] for x in image["instances"])
            ]
        total = len(self.data_list)
        if total and not kept:
            raise ValueError(
                f"filter_cfg={self.filter_cfg} leaves out all {total} images of "
                f"{self.ann_file}. Lower its min_size, or leave filter_cfg out."
            )
        if len(kept) < total:
            print_log(
                f"{self.ann_file}: {total - len(kept)} of {total} images are left out "
                f"by filter_cfg={self.filter_cfg}.",
                "current",
            )
        return kept

    def full_init(self) -> None:
        """Read the file; the images that are used have to be there.

        Raises:
            OSError: One is not there.
            ValueError: See the class.
        """
        if self._fully_initialized:
            return
        super().full_init()
        loading = next(iter(self.pipeline.transforms), None)
        others = ("backend_args", "file_client_args", "ignore_empty")
        if isinstance(loading, LoadImageFromFile) and not any(
            getattr(loading, key, None) for key in others
        ):
            infos = (self.get_data_info(index) for index in range(len(self)))
            paths = {info["img_path"] for info in infos}
            self._check_files(self.data_prefix["img"], paths, "image")

    def _check_files(self, folder: str, paths: set[str], kind: str) -> None:
        """Refuse paths below a folder that are no files; if it is local, by lists."""
        backend = get_file_backend(folder or ".", backend_args=self.backend_args)
        if not isinstance(backend, LocalBackend):
            return
        present = {}
        for part in {osp.dirname(path) for path in paths}:
            with naming_file(f"folder of {kind}s", part or "."):
                present[part] = {*os.listdir(part or ".")}
        absent = (x for x in paths if osp.basename(x) not in present[osp.dirname(x)])
        missing = sorted(x for x in absent if not osp.exists(x))  # Unicode, case
        if missing:
            raise FileNotFoundError(
                f"{self.ann_file} names {len(missing)} {kind}(s) that are not there: "
                f"{shown(missing)}. Put them there, check data_prefix, or remove the "
                "images and annotations that name them from the file."
            )

    def _indexed(self, index: COCO, file: CocoFile) -> COCO:
        """The host's empty index, filled."""
        self._unsized.update(x["id"] for x in file.images if not x["sized"])
        return fill_index(index, file.content)


class CocoPanopticDataset(_Checked, host.CocoPanopticDataset):
    """The host's data set; a wrong annotation file is an error when it is read.

    Panoptic maps are the files that the annotations name. A segment counts however
    small its ``area`` and ``bbox`` are said to be, and without them: the host drops
    those below a pixel, and their pixels would belong to nothing. Takes the host's
    arguments.

    Raises:
        OSError: The annotation file, an image or a panoptic map is missing.
        ValueError: The annotation file is of another kind, holds no segment, or
            contradicts itself or ``metainfo``, or the pipeline would separate image
            and map; later, an image has another size.
    """

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """The host's entry of an image, with the map that the annotation names."""
        info = super().parse_data_info(raw_data_info)
        if self.data_prefix.get("seg"):
            name = raw_data_info["raw_img_info"]["segm_file"]  # None without labels
            path = name and osp.join(self.data_prefix["seg"], name)
            info["seg_map_path"] = path
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes of the segments of an image, as ``ClassBalancedDataset`` asks."""
        return [x["category"] for x in self.get_data_info(idx)["segments_info"]]

    def _read(self, path: str) -> CocoFile:
        """The annotation file."""
        return CocoFile.read(path, name=self.ann_file)

    def _checked_index(self, path: str) -> COCOPanoptic:
        """The host's index of the file."""
        file = self._read(path)
        file.check_classes(self.metainfo["classes"])
        file.check_things(self.metainfo)
        if "annotations" in file.content or not self.test_mode:
            prepare_segments(file)
            file.check_category_ids(file.segments, among=self.metainfo["classes"])
            self._check_maps({row["file_name"] for row in file.annotations})
            self._measure_unsized(file)
        index = self._indexed(COCOPanoptic(), file)
        for image in index.imgs.values():  # the host makes up a name
            image["segm_file"] = None
        for annotation in file.annotations:
            index.imgs[annotation["image_id"]]["segm_file"] = annotation["file_name"]
        return index

    COCOAPI = _checked_index  # what the host reads the file with

    def _check_maps(self, names: set[str]) -> None:
        """Refuse names of maps that are not there."""
        folder = self.data_prefix.get("seg")
        if not folder:
            raise ValueError(
                f"data_prefix of the data set with {self.ann_file} has no folder of "
                "panoptic maps. Write data_prefix=dict(img='...', seg='...')."
            )
        paths = {osp.join(folder, name) for name in names}
        self._check_files(folder, paths, "panoptic map")

    def _measure_unsized(self, file: CocoFile) -> None:
        """Give images whose size the file lacks that of their maps."""
        images = {image["id"]: image for image in file.images}
        for row in file.annotations:
            image = images[row["image_id"]]
            if not image["sized"]:
                path = osp.join(self.data_prefix["seg"], row["file_name"])
                with naming_file("panoptic map", path):
                    content = io.BytesIO(get(path, backend_args=self.backend_args))
                    with Image.open(content) as picture:
                        image["width"], image["height"] = picture.size


class CocoInstanceDataset(_Checked):
    """The host's data set; a wrong annotation file is an error when it is read.

    Masks say where objects are: ``area`` and ``bbox`` of the file may be wrong or
    absent. What is left out is counted in the log. Takes the host's arguments.

    Raises:
        OSError: The annotation file or an image is missing.
        ValueError: The annotation file is of another kind, holds no object or objects
            without masks, or contradicts itself or ``metainfo``, or the pipeline would
            separate image and masks; later, an image has another size.
    """

    def _checked_index(self, path: str) -> COCO:
        """The host's index of the file."""
        file = CocoFile.read(path, name=self.ann_file)
        file.check_classes(self.metainfo["classes"])
        if "annotations" in file.content or not self.test_mode:
            prepare_objects(file)
            choose_classes(file, self.metainfo["classes"])
            self._check_loading(file)
            self._check_filter(file)
            self._count_skipped(file)
        return self._indexed(COCO(), file)

    COCOAPI = _checked_index  # what the host reads the file with

    def _check_filter(self, file: CocoFile) -> None:
        """Refuse to choose images by a size that the file does not have."""
        unsized = [x["file_name"] for x in file.images if not x["sized"]]
        if unsized and not self.test_mode and (self.filter_cfg or {}).get("min_size"):
            raise ValueError(
                f"filter_cfg={self.filter_cfg} chooses images by their size, which "
                f"{self.ann_file} lacks of {len(unsized)}: {shown(unsized)}. Write "
                "their width and height into the file, or leave min_size out."
            )

    def _count_skipped(self, file: CocoFile) -> None:
        """Count images without an object for which others are drawn in training."""
        if self.test_mode or (self.filter_cfg or {}).get("filter_empty_gt"):
            return
        if all(getattr(x, _KEEPS, True) for x in self.pipeline.transforms):
            return
        annotated = {row["image_id"] for row in file.annotations}
        file.say(
            len(file.images) - len(annotated),
            len(file.images),
            "images have no object and are skipped in training. To train on them, "
            f"set {_KEEPS}=True of RandomCrop.",
        )

    def _check_loading(self, file: CocoFile) -> None:
        """Refuse loading by the host that would leave run-length codes out."""
        codes = sum(isinstance(x["segmentation"], dict) for x in file.annotations)
        outlines = any(
            getattr(step, "with_mask", False) and not getattr(step, "poly2mask", True)
            for step in self.pipeline.transforms
        )
        if codes and outlines:
            raise ValueError(
                f"{self.ann_file} has run-length codes as masks of {codes} objects, "
                "which LoadAnnotations(poly2mask=False) would leave out. Remove "
                "poly2mask from the pipeline."
            )
