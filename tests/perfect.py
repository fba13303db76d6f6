"""A data set of two pictures in both of COCO's formats, and a detector that knows it.

What is drawn is known from here alone: the detector hands over these masks, whatever
the files say, so that a file which is read otherwise costs a metric its 1.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image
from pycocotools import mask as mask_api

from mmseg_maskformer.adapters.panoptic import MaskFormerDetector
from mmseg_maskformer.core.structures import LayerOutput
from mmseg_maskformer.metrics.truth_files import check_truth

HEIGHT, WIDTH = 96, 144
CLASSES = ("cell", "fibre", "ground")
CELL, FIBRE, GROUND = 7, 3, 9  # category ids
IDS = (CELL, FIBRE, GROUND)


class Box(NamedTuple):
    """A rectangle of pixels of one class; ``crowd`` where it is several objects."""

    x: int
    y: int
    width: int
    height: int
    label: int
    crowd: int = 0

    @property
    def mask(self) -> np.ndarray:
        """(H, W) boolean."""
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[self.y : self.y + self.height, self.x : self.x + self.width] = True
        return mask


# Longer than 32 pixels, edges beside the grid of stride 4; columns below 3 are void.
PICTURES = {
    "a": [Box(11, 9, 38, 37, 0), Box(58, 11, 34, 74, 0), Box(101, 13, 35, 70, 1)],
    "b": [Box(10, 9, 35, 35, 1), Box(54, 42, 37, 43, 0), Box(100, 10, 35, 77, 1, 1)],
}


def truth(name: str) -> tuple[list[int], np.ndarray]:
    """Labels and masks (G, H, W) of a picture, the ground last."""
    boxes = PICTURES[name]
    masks = [box.mask for box in boxes]
    ground = ~np.any(masks, axis=0)
    ground[:, :3] = False
    return [*(box.label for box in boxes), 2], np.stack([*masks, ground])


def code(mask: np.ndarray) -> dict:
    """The compressed run-length code of a mask."""
    found = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    return dict(size=list(mask.shape), counts=found["counts"].decode())


def listed(mask: np.ndarray) -> dict:
    """The run-length code of a mask that is no object at its first pixel."""
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    changes = np.flatnonzero(np.diff(flat.astype(int)))
    return dict(size=list(mask.shape), counts=np.diff(changes, prepend=0).tolist())


def corners(box: Box) -> list[int]:
    """The polygon of a rectangle."""
    x, y, right, low = box.x, box.y, box.x + box.width, box.y + box.height
    return [x, y, right, y, right, low, x, low]


def instances() -> dict:
    """The file of instances: run-length codes, ids from 1."""
    rows = [
        dict(
            image_id=number,
            category_id=IDS[box.label],
            iscrowd=box.crowd,
            area=box.width * box.height,
            bbox=list(box[:4]),
            segmentation=code(box.mask),
        )
        for number, boxes in enumerate(PICTURES.values(), start=1)
        for box in boxes
    ]
    for place, row in enumerate(rows, start=1):
        row["id"] = place
    return dict(images=images(), categories=categories()[:2], annotations=rows)


def panoptic() -> dict:
    """The panoptic file; ids of segments count from 1 in each image."""
    rows = []
    for number, (name, boxes) in enumerate(PICTURES.items(), start=1):
        segments = [
            dict(id=place, category_id=IDS[label], iscrowd=0, area=4, bbox=[0, 0, 2, 2])
            for place, label in enumerate(truth(name)[0], start=1)
        ]
        for segment, box in zip(segments, boxes, strict=False):
            segment["iscrowd"] = box.crowd
        row = dict(image_id=number, file_name=f"{name}.png", segments_info=segments)
        rows.append(row)
    return dict(images=images(), categories=categories(), annotations=rows)


def images() -> list[dict]:
    return [
        dict(id=number, file_name=f"{name}.jpg", height=HEIGHT, width=WIDTH)
        for number, name in enumerate(PICTURES, start=1)
    ]


def categories() -> list[dict]:
    return [
        dict(id=number, name=name, isthing=int(name != "ground"))
        for number, name in zip(IDS, CLASSES, strict=True)
    ]


class Case:
    """The files of a data set and how they are loaded; variants change it.

    Attributes:
        panoptic: content of the panoptic file.
        instances: content of the file of instances.
        metric: config of the AP; it gets the metric's file.
        encoding: of both files.
        truth: content of the metric's file of instances, where it is another.
        orientation: EXIF orientation of the pictures.
        turned: whether they are stored as the orientation says.
        load: config of the loading of images.
        steps: transforms between loading and packing.
    """

    def __init__(self) -> None:
        self.panoptic, self.instances = panoptic(), instances()
        self.metric: dict[str, Any] = dict(type="mmseg_maskformer.CocoMetric")
        self.encoding = "utf-8"
        self.truth: dict | None = None
        self.orientation, self.turned = 1, False
        self.load: dict[str, Any] = dict(type="mmseg_maskformer.LoadImage")
        self.steps: list[dict] = []
        self.metainfo = dict(
            classes=CLASSES, thing_classes=CLASSES[:2], stuff_classes=CLASSES[2:]
        )
        self.things = CLASSES[:2]

    @property
    def images(self) -> list[dict]:
        """The images of both files."""
        return self.panoptic["images"] + self.instances["images"]

    @property
    def objects(self) -> list[dict]:
        """The annotations of the file of instances."""
        return self.instances["annotations"]

    @property
    def segments(self) -> list[dict]:
        """The segments of the panoptic file."""
        return [x for row in self.panoptic["annotations"] for x in row["segments_info"]]

    def write(self, root: Any) -> None:
        """Write both files, pictures and maps."""
        for folder in ("images", "maps"):
            (root / folder).mkdir()
        for name in PICTURES:
            picture = Image.new(
                "RGB", (HEIGHT, WIDTH) if self.turned else (WIDTH, HEIGHT)
            )
            exif = picture.getexif()
            exif[0x0112] = self.orientation
            picture.save(root / "images" / f"{name}.jpg", exif=exif)
            _, masks = truth(name)
            ids = (masks * np.arange(1, len(masks) + 1)[:, None, None]).sum(axis=0)
            colours = np.stack([ids, ids * 0, ids * 0], axis=-1).astype(np.uint8)
            Image.fromarray(colours).save(root / "maps" / f"{name}.png")
        files = dict(panoptic=self.panoptic, instances=self.instances)
        files["truth"] = self.truth or self.instances
        for name, content in files.items():
            text = json.dumps(content)
            (root / f"{name}.json").write_text(text, encoding=self.encoding)

    def data(self, root: Any, kind: str, **options: Any) -> Any:
        """The data set of a kind, "panoptic" or "instances", for evaluation."""
        panoptic = kind == "panoptic"
        config = dict(
            type=f"mmseg_maskformer.Coco{_NAMES[kind]}Dataset",
            data_root=str(root),
            ann_file=f"{kind}.json",
            data_prefix=dict(img="images", **(dict(seg="maps") if panoptic else {})),
            metainfo=self.metainfo if panoptic else dict(classes=self.things),
            pipeline=[self.load, *self.steps, *_PACKING[kind]],
            test_mode=True,
            serialize_data=False,  # which collects garbage
        )
        with DefaultScope.overwrite_default_scope("mmdet"):
            return DATASETS.build({**config, **options})

    def evaluator(self, root: Any, data: Any) -> Evaluator:
        """The metrics of a data set, checked as before the first iteration."""
        metrics = [dict(self.metric, ann_file=f"{root}/truth.json", metric="segm")]
        if "stuff_classes" in data.metainfo:
            metrics.append(dict(type="mmseg_maskformer.PanopticQuality"))
            metrics.append(dict(type="SemSegMetric", iou_metrics=["mIoU"]))
        with DefaultScope.overwrite_default_scope("mmdet"):
            found = Evaluator(metrics)
        found.dataset_meta = data.metainfo
        for metric in found.metrics:
            check_truth(metric, data)
        return found


_NAMES = dict(panoptic="Panoptic", instances="Instance")
_PACKING = dict(
    panoptic=[
        dict(type="mmseg_maskformer.LoadPanopticMap"),
        dict(type="mmseg_maskformer.PackPanopticInputs", with_host_targets=True),
    ],
    instances=[dict(type="PackDetInputs")],
)


class PerfectDetector(MaskFormerDetector):
    """Hands over what is drawn, a query for each segment.

    Args:
        num_stuff: 1, or 0 for instances alone.
        stride: of the masks that the head hands over.
    """

    def __init__(self, num_stuff: int, stride: int) -> None:
        torch.nn.Module.__init__(self)
        self.num_things_classes, self.num_stuff_classes = 2, num_stuff
        self.stride = stride
        self.test_cfg = dict(panoptic_on=bool(num_stuff))

    @property
    def decode_head(self) -> PerfectDetector:
        """Where predictions come from."""
        return self

    def extract_feat(self, batch_inputs: Any) -> Any:
        """The images."""
        return batch_inputs

    def predict_layer(
        self, features: Any, metas: list[dict], size: tuple[int, int], layer: int
    ) -> LayerOutput:
        """Class and mask logits of one image: sure, and covered pixels' share."""
        (meta,) = metas
        labels, masks = truth(meta["img_path"][-5])
        kept = [x for x, label in enumerate(labels) if label < self.num_classes]
        classes = F.one_hot(torch.tensor(labels)[kept], self.num_classes + 1)
        shares = F.interpolate(torch.from_numpy(masks[kept]).float()[None], size)
        shares = F.avg_pool2d(shares, self.stride, ceil_mode=True)
        return LayerOutput(40.0 * classes[None] - 20, 40 * shares - 20)


def evaluated(
    root: Any, case: Case, kind: str, stride: int = 1, **options: Any
) -> dict[str, float]:
    """What the metrics say about the perfect detector; ``options`` of the data set."""
    data = case.data(root, kind, **options)
    evaluator = case.evaluator(root, data)
    detector = PerfectDetector(int(kind == "panoptic"), stride)
    for item in data:
        batch = pseudo_collate([item])
        samples = detector.predict(torch.stack(batch["inputs"]), batch["data_samples"])
        evaluator.process(samples)
    return evaluator.evaluate(len(data))


def targets(root: Any, case: Case, kind: str) -> list[tuple[list, list, list]]:
    """Labels, boxes and masks of the objects that training sees in each picture."""
    load = dict(type="LoadAnnotations", with_bbox=True, with_mask=True)
    steps = _PACKING[kind] if kind == "panoptic" else [load, *_PACKING[kind]]
    pipeline = [case.load, *steps]
    found = []
    for item in case.data(root, kind, test_mode=False, pipeline=pipeline):
        objects = item["data_samples"].gt_instances
        boxes = torch.as_tensor(getattr(objects.bboxes, "tensor", objects.bboxes))
        found.append((objects.labels.tolist(), boxes.tolist(), objects.masks.masks))
    return found
