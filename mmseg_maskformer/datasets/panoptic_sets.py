"""Panoptic data sets whose annotation files list stuff among the things."""

from __future__ import annotations

from os import path as osp

from mmdet import datasets as host

from mmseg_maskformer.datasets.coco.files import CocoFile

from . import mapillary
from .class_orders import CLASS_ORDERS, MAPILLARY_THINGS
from .coco_panoptic import CocoPanopticDataset


class ThingsFirstDataset(CocoPanopticDataset):
    """A panoptic data set of which a model sees the things before the stuff.

    Among themselves they keep the order of the file's categories.
    """

    def _read(self, path: str) -> CocoFile:
        """The annotation file with its categories in the order of the model."""
        file = super()._read(path)
        file.categories.sort(key=lambda category: not category.get("isthing"))
        return file


_ADE20K = CLASS_ORDERS["ade20k"]


class ADE20KPanopticDataset(ThingsFirstDataset):
    """ADE20K with 100 things and 50 stuff, as ``ade20k_panoptic.py`` prepares it."""

    METAINFO = {
        **host.ADE20KPanopticDataset.METAINFO,
        # The host's colours stand in the order of the semantic classes.
        "palette": [
            host.ADE20KPanopticDataset.METAINFO["palette"][label] for label in _ADE20K
        ],
        "semantic_labels": _ADE20K,  # of each class, in ADE20KDataset
    }


CITYSCAPES_THINGS = {
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
CITYSCAPES_STUFF = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
}


class CityscapesPanopticDataset(ThingsFirstDataset):
    """Cityscapes with 8 things and 11 stuff, as the Cityscapes scripts prepare it.

    ``createPanopticImgs`` of these writes ``cityscapes_panoptic_{split}.json`` and a
    folder of that name; images lie below ``leftImg8bit/{split}``, a folder a city.
    """

    METAINFO = {
        "classes": (*CITYSCAPES_THINGS, *CITYSCAPES_STUFF),
        "thing_classes": tuple(CITYSCAPES_THINGS),
        "stuff_classes": tuple(CITYSCAPES_STUFF),
        "palette": [*CITYSCAPES_THINGS.values(), *CITYSCAPES_STUFF.values()],
    }

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """The host's entry of an image, with the image where it is: in its city."""
        info = super().parse_data_info(raw_data_info)
        name = raw_data_info["raw_img_info"]["file_name"].replace("_gtFine_", "_")
        city = name.split("_")[0]
        info["img_path"] = osp.join(self.data_prefix["img"], city, name)
        return info


_MAPILLARY = CLASS_ORDERS["mapillary"]
_MAPILLARY_THINGS = _MAPILLARY[: len(MAPILLARY_THINGS)]
_MAPILLARY_STUFF = _MAPILLARY[len(MAPILLARY_THINGS) :]


def _of_mapillary(key: str, labels: list[int]) -> list:
    """Names or colours of classes, known by their places in the semantic data set."""
    values = mapillary.MapillaryVistasDataset.METAINFO[key]
    return [values[label] for label in labels]


class MapillaryPanopticDataset(ThingsFirstDataset):
    """Mapillary Vistas 1.2 with 37 things and 28 stuff, as released.

    Annotations are ``{training,validation}/panoptic/panoptic_2018.json``, maps lie
    beside them, images in ``{training,validation}/images``.
    """

    METAINFO = {
        "classes": tuple(_of_mapillary("classes", _MAPILLARY)),
        "thing_classes": tuple(_of_mapillary("classes", _MAPILLARY_THINGS)),
        "stuff_classes": tuple(_of_mapillary("classes", _MAPILLARY_STUFF)),
        "palette": _of_mapillary("palette", _MAPILLARY),
    }
