"""Images and label maps in folders, with a sentence where there are none."""

from __future__ import annotations

import os.path as osp

from mmengine import fileio
from mmseg.datasets import BaseSegDataset


class LabelMapDataset(BaseSegDataset):
    """Images of one folder and label maps of another, paired by name.

    Takes the arguments of the host's ``BaseSegDataset``: ``data_root``,
    ``data_prefix`` (``img_path``, ``seg_map_path``), ``img_suffix`` (".jpg"),
    ``seg_map_suffix`` (".png"), ``metainfo`` with ``classes``, and more.

    Raises:
        FileNotFoundError: There is no image of that suffix.
    """

    def load_data_list(self) -> list[dict]:
        """What the host finds, if that is anything."""
        found = super().load_data_list()
        if not found:
            raise FileNotFoundError(self._nothing_found())
        return found

    def _nothing_found(self) -> str:
        """Why there is no image."""
        folder = self.data_prefix["img_path"]
        if self.ann_file and osp.isfile(self.ann_file):
            return f"{self.ann_file} names no image; write one a line, without suffix."
        files = fileio.list_dir_or_file(folder, list_dir=False, recursive=True)
        there = sorted({osp.splitext(file)[1] or file for file in files})
        kinds = f"files of {', '.join(there[:8])}" if there else "no file at all"
        return (
            f"There is no image {osp.join(folder, '*' + self.img_suffix)}; the folder "
            f"holds {kinds}. Set data_root, data_prefix.img_path and img_suffix of the "
            "data set; the letters of a suffix count as they are."
        )
