"""AP of instances by MMDetection's metric, on a file that is read as data sets do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import metrics as host
from mmengine.evaluator import BaseMetric
from mmengine.fileio import dump, get_local_path, load
from mmengine.logging import print_log

from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.datasets.coco.files import CocoFile
from mmseg_maskformer.datasets.coco.image_sizes import check_size
from mmseg_maskformer.datasets.coco.index import fill_index
from mmseg_maskformer.datasets.coco.objects import choose_classes, prepare_objects
from mmseg_maskformer.datasets.coco.values import identifier
from mmseg_maskformer.datasets.metainfo import one_metainfo

from .boundary import boundary_ap, require_library
from .many_objects import require_limit, warn_of_many
from .no_detections import scored_without_detections


class CocoMetric(host.CocoMetric):
    """The host's AP, of the images that are evaluated and the classes of their data.

    The annotation file is read and checked when the metric is built, as those of
    ``CocoInstanceDataset`` are; its categories are found by their names and its images
    by their ids as text. Result files have the file's own ids.

    Args:
        ann_file: annotation file of instances in COCO's format.
        boundary: give boundary AP beside that of ``metric``; the library
            faster-coco-eval computes it.
        kwargs: of the host's metric.

    Raises:
        ImportError: There is no such library.
        OSError: The file is missing or no JSON.
        ValueError: The file is of another kind or contradicts itself; it lacks a thing
            class of the evaluated data set; an image that is evaluated is not in it or
            has another size there; ``proposal_nums`` lacks 100, the detections of a
            class in an image that mAP looks at. A warning tells where an image has more
            objects.
    """

    def __init__(self, ann_file: str, boundary: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_limit(self)
        self.boundary = boundary
        if boundary:
            require_library()
        self.ann_file = ann_file
        with get_local_path(ann_file, backend_args=self.backend_args) as path:
            self.file = CocoFile.read(path, name=ann_file)
        if self._labelled:
            prepare_objects(self.file)
        # The host takes 0 for no object, and sorts ids of images and categories.
        self._numbers = {
            str(image["id"]): place
            for place, image in enumerate(self.file.images, start=1)
        }

    @property
    def dataset_meta(self) -> dict | None:
        """What the data set says about itself; its things become the categories."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        dataset_meta = one_metainfo(dataset_meta)
        BaseMetric.dataset_meta.fset(self, dataset_meta)
        classes = dataset_meta.get("thing_classes") or dataset_meta.get("classes")
        if not classes:
            raise ValueError(
                f"CocoMetric compares the categories of {self.ann_file} with the "
                "classes of the data set, which has none. Write metainfo=dict("
                "classes=(...)) for it."
            )
        self.file.check_known(classes)
        self._coco_api = self._index(classes)
        self.cat_ids = list(self._coco_api.cats)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """The host's results of some images, which are looked up in the file."""
        start = len(self.results)
        super().process(data_batch, data_samples)
        for sample, (truth, found) in zip(
            data_samples, self.results[start:], strict=True
        ):
            number = self._numbers.get(str(identifier(truth["img_id"])))
            path = image_name(sample)
            if number is None:
                raise ValueError(
                    f"{self.ann_file} lists no image with the id {truth['img_id']!r}, "
                    f"that of {path}: it belongs to another split or data set. Correct "
                    "ann_file of CocoMetric in val_evaluator and test_evaluator."
                )
            image, size = self._image(number), (truth["height"], truth["width"])
            if image["sized"]:
                expected = (image["height"], image["width"])
                check_size(size, expected, path, self.ann_file)
            truth["img_id"] = found["img_id"] = number

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The host's values, of the images among the results."""
        seen = {truth["img_id"]: truth for truth, _ in results}
        self.img_ids = sorted(seen)
        total = len(self._numbers)
        if len(seen) < total:
            print_log(
                f"{self.ann_file}: AP is that of {len(seen)} of its {total} images, "
                "those that were evaluated.",
                "current",
            )
        for number in self.img_ids:  # polygons are drawn at these sizes
            size = {key: seen[number][key] for key in ("height", "width")}
            self._coco_api.imgs[number].update(size)
        if not self.format_only:
            warn_of_many(self, self._objects(seen), len(seen))
        with scored_without_detections():
            found = super().compute_metrics(results)
        if self.boundary and not self.format_only:
            found.update(self._boundary_ap([prediction for _, prediction in results]))
        if self.outfile_prefix is not None:
            self._restore_ids()
        return found

    def _objects(self, images: Collection[int]) -> Iterator[tuple[int, int]]:
        """Image and class of each object of some images; crowds are left out."""
        for row in self._coco_api.dataset["annotations"]:
            if row["image_id"] in images and not row.get("iscrowd"):
                yield row["image_id"], row["category_id"]

    def _boundary_ap(self, predictions: list[dict]) -> dict[str, float]:
        """Boundary AP of the host's results."""
        with TemporaryDirectory() as folder:
            files = self.results2json(predictions, f"{folder}/results")
            detections = load(files["segm"])
        return boundary_ap(self._coco_api.dataset, detections, self.img_ids)

    @property
    def _labelled(self) -> bool:
        """Whether the file needs objects; those of test servers list images alone."""
        return not self.format_only or "annotations" in self.file.content

    def _index(self, classes: Sequence[str]) -> COCO:
        """The host's index, with images, classes and objects numbered from 1."""
        places = {name: place for place, name in enumerate(classes, start=1)}
        labels = {x["id"]: places.get(x["name"]) for x in self.file.categories}
        if self._labelled:
            choose_classes(self.file, classes)
        content = dict(
            images=[
                dict(image, id=number)
                for number, image in enumerate(self.file.images, start=1)
            ],
            categories=[dict(id=place, name=name) for name, place in places.items()],
            annotations=[
                dict(
                    row,
                    id=place,
                    image_id=self._numbers[str(row["image_id"])],
                    category_id=labels[row["category_id"]],
                )
                for place, row in enumerate(self.file.annotations, start=1)
            ],
        )
        return fill_index(COCO(), content)

    def _image(self, number: int) -> dict:
        """The image of a number, as the file has it."""
        return self.file.images[number - 1]

    def _restore_ids(self) -> None:
        """Write the file's own ids into the result files."""
        ids = {x["name"]: x["id"] for x in self.file.categories}
        names = {x["id"]: x["name"] for x in self._coco_api.dataset["categories"]}
        for kind in ("bbox", "segm"):
            path = f"{self.outfile_prefix}.{kind}.json"
            if not Path(path).is_file():
                continue
            rows = load(path)
            for row in rows:
                row["image_id"] = self._image(row["image_id"])["id"]
                row["category_id"] = ids[names[row["category_id"]]]
            dump(rows, path)
