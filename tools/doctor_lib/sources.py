"""The files of a data set, as a config's splits list them."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.datasets.image_scales import Scales, compared_scales
from mmseg_maskformer.datasets.pipeline_steps import flattened, loads, name_of
from mmseg_maskformer.datasets.wrappers import leaf_configs, leaf_datasets
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.hooks.check_classes_hook import check_num_classes
from mmseg_maskformer.engine.models import set_scope
from shared.progress import quiet_host

_LACKING = (
    "indices of the data set ask for images that it lacks; write indices=None for all "
    "of them."
)


class Item(NamedTuple):
    """An image with what it is labelled by.

    Attributes:
        split: "train", "val", ...
        image: its file.
        labels: file of its label map or panoptic map, "" where there is none.
        objects: of a panoptic map (id, class, is a thing, is a crowd); of instances
            (area of the box, class, True, is a crowd). None in semantic data.
        zero_is_void: ``reduce_zero_label`` of its data set.
        label_map: new numbers of labels there, 255 for none.
        void: ``ignore_index`` there.
        stated: annotation file and the size, (height, width), that it gives the image.
        as_stored: whether the image is loaded without turning it as EXIF says.
        compared: whether loading compares a panoptic map with the list of its segments.
    """

    split: str
    image: str
    labels: str
    objects: tuple[tuple[float, int, bool, bool], ...] | None = None
    zero_is_void: bool = False
    label_map: dict[int, int] | None = None
    void: int = VOID
    stated: tuple[str, tuple[int, int]] | None = None
    as_stored: bool = False
    compared: bool = True


@dataclass
class Source:
    """What is to be looked at.

    Args:
        name: of the config or folder.
        kind: "semantic", "panoptic" or "instances".
        items: of all splits.
        classes: names, empty where they are not known.
        queries: of the model, None without a config.
        problems: why a split could not be read.
        warnings: what data sets log while they are built.
        datasets: of a config, by split, for pictures of what the pipeline makes.
        unpaired: files of a folder without a partner.
        doubles: label maps of a folder beside another of the same name.
        unread: files of a folder that are no images, by suffix.
        highest: the highest label of a folder's 16-bit maps but 65535, see
            :attr:`num_classes`.
    """

    name: str
    kind: str = "semantic"
    items: list[Item] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    queries: int | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    datasets: dict[str, Any] = field(default_factory=dict)
    unpaired: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    highest: int = 0

    @property
    def num_classes(self) -> int:
        """Number of classes; of a folder, at least the highest label of 16 bits."""
        return max(len(self.classes), self.highest)

    @cached_property
    def scales(self) -> Scales | None:
        """At which scale the pipelines show images; None where it is not known."""
        if self.datasets.keys() < {"train", "val"}:
            return None
        return compared_scales(self.datasets["train"], self.datasets["val"])


def of_config(path: Path, overrides: dict) -> Source:
    """Training and validation data of a config, as its data sets list them.

    Raises:
        SystemExit: A data set has no files, or there is none.
    """
    MMLogger.get_current_instance()  # made here, it writes to the screen later, too
    config = read_config(str(path), overrides)
    set_scope(config)
    source = Source(str(path), queries=_find(config.get("model"), "num_queries"))
    for split in ("train", "val"):
        loader = config.get(f"{split}_dataloader")
        if loader is None:
            continue
        warned = _Warnings()
        try:
            with quiet_host(), warned:
                dataset = DATASETS.build(loader.dataset)
        except (OSError, ValueError, LookupError, TypeError) as error:
            asked = leaf_configs(loader.dataset)[0].get("indices") is not None
            text = _LACKING if isinstance(error, IndexError) and asked else error
            source.problems.append(f"{split}: {text}")
            continue
        source.problems += _misfit(config, dataset, split)
        source.warnings += [f"{split}: {text}" for text in warned.texts]
        source.datasets[split] = dataset
        for leaf in leaf_datasets(dataset):
            _add(source, split, leaf)
    if not (source.datasets or source.problems):
        raise SystemExit(
            f"{path} has no train_dataloader and no val_dataloader; there is nothing "
            "to look over."
        )
    return source


def _misfit(config: Config, dataset: Any, split: str) -> list[str]:
    """What is wrong with the number of classes of a config's model, if anything."""
    try:
        check_num_classes(config.get("model"), dataset, split)
    except ValueError as error:
        return [str(error)]
    return []


class _Warnings(logging.Handler):
    """Warnings that data sets log while they are built, whatever the log shows."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._logger = MMLogger.get_current_instance()
        self._shown = self._logger.level

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def __enter__(self) -> _Warnings:
        self._logger.setLevel(min(self._shown, logging.WARNING))
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._shown)


def _add(source: Source, split: str, dataset: Any) -> None:
    """The images of a data set that wraps no other.

    Raises:
        SystemExit: It has no files.
    """
    meta = dataset.metainfo
    source.classes = tuple(meta["classes"])
    zero_is_void = bool(getattr(dataset, "reduce_zero_label", False))
    label_map = getattr(dataset, "label_map", None)
    void = getattr(dataset, "ignore_index", VOID)
    things = meta.get("thing_classes")
    as_stored, compared = _loads_as_stored(dataset), _compares_ids(dataset)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if "img" in info:
            raise SystemExit(
                f"{type(dataset).__name__} draws its images; there are no files to "
                "look over."
            )
        image, labels = info["img_path"], info.get("seg_map_path") or ""
        objects = None
        if "segments_info" in info:
            source.kind = "panoptic"
            objects = tuple(_segment(row, things) for row in info["segments_info"])
        elif "instances" in info:
            source.kind, labels = "instances", ""
            objects = tuple(_instance(row) for row in info["instances"])
        item = Item(split, image, labels, objects, zero_is_void, label_map, void)
        source.items.append(
            item._replace(
                stated=_stated_size(dataset, info),
                as_stored=as_stored,
                compared=compared,
            )
        )


def _loads_as_stored(dataset: Any) -> bool:
    steps = flattened(dataset.pipeline.transforms)
    kinds = [str(getattr(step, "color_type", "")) for step in steps if loads(step)]
    return any(x == "unchanged" or x.endswith("ignore_orientation") for x in kinds)


def _compares_ids(dataset: Any) -> bool:
    steps = flattened(dataset.pipeline.transforms)
    return any(name_of(step) == "LoadPanopticMap" for step in steps)


def _stated_size(dataset: Any, info: dict) -> tuple[str, tuple[int, int]] | None:
    """What the pipeline compares the size of the image with; None if it does not."""
    unsized = getattr(dataset.pipeline, "unsized", None)
    if unsized is None or "height" not in info or info.get("img_id") in unsized:
        return None
    return dataset.ann_file, (info["height"], info["width"])


def _segment(row: dict, things: Any) -> tuple[float, int, bool, bool]:
    is_thing = row["is_thing"] if things is None else row["category"] < len(things)
    return row["id"], row["category"], bool(is_thing), bool(row.get("iscrowd", 0))


def _instance(row: dict) -> tuple[float, int, bool, bool]:
    left, upper, right, lower = row["bbox"]
    area = max(0.0, right - left) * max(0.0, lower - upper)
    return area, row["bbox_label"], True, bool(row.get("ignore_flag", 0))


def _find(config: Any, key: str) -> Any:
    """The value of a key anywhere in nested settings; None where there is none."""
    if not isinstance(config, Config | dict):
        return None
    if key in config:
        return config[key]
    found = (_find(value, key) for value in dict(config).values())
    return next((x for x in found if x is not None), None)
