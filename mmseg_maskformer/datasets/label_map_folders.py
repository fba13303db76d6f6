"""Images and label maps in folders, with a sentence where there are none."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from .coco_files import shown
from .pipeline_checks import check_built


class LabelMapDataset(BaseSegDataset):
    """Images of one folder and label maps of another, paired by name.

    Takes the arguments of the host's ``BaseSegDataset``: ``data_root``,
    ``data_prefix`` (``img_path``, ``seg_map_path``), ``img_suffix`` (".jpg"),
    ``seg_map_suffix`` (".png"), ``metainfo`` with ``classes``, and more. Void is
    ``ignore_index`` (255) in label maps of 16 bits too, unless that is a class: then it
    is 65535 in these.

    Raises:
        FileNotFoundError: There is no such folder, list or image.
        ValueError: The pipeline would separate image and label map.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_built(self)

    def load_data_list(self) -> list[dict]:
        """What the host finds, if that is anything."""
        if self.ann_file and not osp.exists(self.ann_file):
            raise FileNotFoundError(
                f"There is no list of images {self.ann_file}; correct data_root and "
                "ann_file, or leave ann_file out to take all images of the folder."
            )
        try:
            found = super().load_data_list()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"There is no folder {error.filename}; correct data_root and "
                "data_prefix.img_path of the data set."
            ) from error
        if not found:
            raise FileNotFoundError(self._nothing_found())
        classes = self.metainfo.get("classes") or ()
        if len(classes) <= self.ignore_index:
            for info in found:
                info["void_label"] = self.ignore_index
        return found

    def _nothing_found(self) -> str:
        """Why there is no image."""
        if osp.isfile(self.ann_file):
            return f"{self.ann_file} names no image; write one a line, without suffix."
        folder = self.data_prefix["img_path"]
        files = fileio.list_dir_or_file(
            folder, list_dir=False, recursive=True, backend_args=self.backend_args
        )
        there = sorted({osp.splitext(file)[1] or file for file in files})
        kinds = f"files of {shown(there)}" if there else "no file at all"
        return (
            f"There is no image {osp.join(folder, '*' + self.img_suffix)}; the folder "
            f"holds {kinds}. Set data_root, data_prefix.img_path and img_suffix of the "
            "data set; upper and lower case differ."
        )
