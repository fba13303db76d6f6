"""Predictions of a whole data set as files, for test servers and other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import barrier
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.metrics.panoptic_quality import predicted_map
from mmseg_maskformer.metrics.samples import map_of_sample

from .coco import (
    categories,
    category_ids,
    instance_annotations,
    instance_results,
    segments_info,
    write_panoptic_map,
)
from .images import ImageFile, image_files, listed_files
from .label_maps import LabelValues, write_label_map

_WHOLE = ("panoptic.json", "instances.json")  # of the whole set
_LABELS = "annotations.json"
_KINDS = ("pred_sem_seg", "pred_panoptic_seg", "pred_instances")


class ResultFiles(BaseMetric):
    """Writes what a model predicts, whatever of the following its samples hold.

    * ``pred_sem_seg``: a label map of every image, with the values of the data set's
      own label maps, see :class:`LabelValues`. They lie in the folder itself, below
      ``semantic`` where there are other results too.
    * ``pred_panoptic_seg``: ``panoptic.json`` and the folder ``panoptic``, in COCO's
      panoptic format with images and categories, so that data sets can read it.
    * ``pred_instances``: ``instances.json``, in COCO's format of results. With
      ``paths`` also ``annotations.json``, in COCO's format of annotations, so that data
      sets can read it: images, categories of things, and objects of ``score_thr``.

    Images in sub-folders keep these. It is a metric without a result: put it first into
    the ``metrics`` of an evaluator, since some metrics of the hosts change predictions.

    Args:
        folder: to write into.
        dataset: whose predictions they are, of either host.
        paths: of images that are predicted instead of the data set's, whose files are
            not read then; their places are their ids, from 1.
        replace: write over files of the same names.
        score_thr: least score of the objects in ``annotations.json``.

    Raises:
        FileExistsError: A file would be written over.
        ValueError: The folder is a file, two images have the same id, or parts of the
            data set have other classes or values than the first.
    """

    default_prefix = "results"

    def __init__(
        self,
        folder: str | Path,
        dataset: Any,
        paths: Sequence[str] | None = None,
        replace: bool = False,
        score_thr: float = 0.0,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"--out {folder} is a file; name a folder, which results go into."
            )
        leaves = leaf_datasets(dataset)
        self.is_listed, self.score_thr = paths is not None, score_thr
        self.images = image_files(leaves) if paths is None else listed_files(paths)
        if not replace:  # by every process, since barrier waits for all
            self._refuse_former()
        barrier()  # before any process writes
        self.values = LabelValues.of(leaves[0])
        self.category_ids = category_ids(leaves[0])
        self.categories = categories(leaves[0])
        self.dataset_meta = leaves[0].metainfo
        for leaf in leaves[1:]:
            self._check_alike(leaf)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Write the maps of each sample; the rest is kept for the end."""
        self.results += [self._write(sample) for sample in data_samples]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the files of the whole set.

        Args:
            results: of every image, in the order of the data set.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if any("panoptic" in image for image in results):
            maps = [image["panoptic"] for image in results]
            self._dump("panoptic.json", self._content(results, maps, self.categories))
        if any("instances" in image for image in results):
            found = [row for image in results for row in image["instances"]]
            self._dump("instances.json", found)
            if self.is_listed:
                things = [x for x in self.categories if x["isthing"]]
                objects = instance_annotations(found, self.score_thr)
                content = self._content(results, objects, things)
                self._dump(_LABELS, content)
        print_log(f"Results of {len(results)} images: {self.folder}", logger="current")
        return {}

    def _refuse_former(self) -> None:
        """Raise FileExistsError if a result has the path of a file, say of labels."""
        maps = [file.map for file in self.images.values()]
        names = [
            f"{below}{x}" for below in ("", "semantic/", "panoptic/") for x in maps
        ]
        whole = (*_WHOLE, _LABELS) if self.is_listed else _WHOLE
        refuse_former(self.folder, (*whole, *names))

    def _content(
        self, results: list[dict], found: list[dict], among: list[dict]
    ) -> dict:
        """COCO's format of annotations; what is found, and its categories."""
        images = [image["image"] for image in results]
        return dict(images=images, annotations=found, categories=among)

    def _write(self, sample: dict) -> dict:
        """Write the maps of a sample.

        Returns:
            What the files of the whole set say of the image.

        Raises:
            KeyError: There is no result, or nobody knows the image.
        """
        file = self._file(sample)
        kinds = [kind for kind in _KINDS if kind in sample]
        if not kinds:
            raise KeyError(
                f"The sample of {sample['img_path']} has none of {', '.join(_KINDS)}; "
                "switch a result on in model.test_cfg."
            )
        entry: dict[str, Any] = {}
        if "pred_sem_seg" in kinds:
            labels = map_of_sample(sample, "pred_sem_seg", "ResultFiles", "")
            below = "" if kinds == ["pred_sem_seg"] else "semantic"
            path = self.folder / below / file.map
            write_label_map(path, self.values.encode(labels))
        if "pred_panoptic_seg" in kinds:
            entry |= self._write_panoptic(sample, file)
        if "pred_instances" in kinds:
            entry["instances"] = instance_results(
                sample["pred_instances"], file.image_id, self.category_ids
            )
            if self.is_listed:
                entry["image"] = _row(file, sample["ori_shape"])
        return entry

    def _write_panoptic(self, sample: dict, file: ImageFile) -> dict:
        """Write the panoptic map of a sample; what the file of all says of it."""
        found = predicted_map(sample, len(self.category_ids), "ResultFiles")
        write_panoptic_map(self.folder / "panoptic" / file.map, found.segment_map)
        segments = segments_info(found, self.category_ids)
        return dict(
            image=_row(file, found.segment_map.shape),
            panoptic=dict(
                image_id=file.image_id, file_name=file.map, segments_info=segments
            ),
        )

    def _file(self, sample: dict) -> ImageFile:
        """Names of the sample's image."""
        path = sample.get("img_path")
        if path not in self.images:
            raise KeyError(
                f"Results are named by img_path, and that of a sample is {path!r}, "
                "which is none of the data set's. Leave 'img_path' in meta_keys of the "
                "packing step of the pipeline."
            )
        return self.images[path]

    def _check_alike(self, leaf: Any) -> None:
        values = LabelValues.of(leaf)
        if (
            not np.array_equal(values.of_class, self.values.of_class)
            or values.void != self.values.void
            or categories(leaf) != self.categories
        ):
            raise ValueError(
                "The parts of the data set differ in their classes, category ids or "
                "label values; write the results of one data set at a time."
            )

    def _dump(self, name: str, content: Any) -> None:
        text = json.dumps(content)
        (self.folder / name).write_text(f"{text}\n", encoding="utf-8")


def refuse_former(folder: Path, names: Iterable[str]) -> None:
    """Raise FileExistsError where a file of a folder would be written over.

    Args:
        folder: of results.
        names: below it.
    """
    for name in names:
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} is there already, and results would be written over "
                "it: name another folder with --out, or add --force if it is a former "
                "result."
            )


def _row(file: ImageFile, shape: Sequence[int]) -> dict:
    """An image as COCO lists it."""
    height, width = map(int, shape[:2])
    return dict(id=file.image_id, file_name=file.image, height=height, width=width)
