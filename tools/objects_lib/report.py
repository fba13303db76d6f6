"""What was converted, in numbers, and the settings that train on it."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmseg_maskformer.core.conventions import shown

from .classes import Classes
from .folders import SPLITS, Sample
from .painting import Converted

QUERIES = 100  # of the configs' models


def report(split: str, found: Sequence[Converted], classes: Classes) -> str:
    """Images, objects, classes and void of a split, and what had to be decided."""
    objects = [len(x.instances) for x in found]
    crowds = sum(row["iscrowd"] for x in found for row in x.instances)
    segments = [len(x.panoptic["segments_info"]) for x in found]
    over = sum(number > QUERIES for number in segments)
    pixels = sum(x.image["height"] * x.image["width"] for x in found)
    rows = [row for x in found for row in x.panoptic["segments_info"]]
    void = pixels - sum(row["area"] for row in rows)
    return "\n".join(
        [
            f"{split}: {len(found)} images, {objects.count(0)} of them without an "
            f"object; {sum(objects)} objects, {crowds} of them crowds; at most "
            f"{max(objects)} in an image.",
            f"At most {max(segments)} segments in an image; {over} images have more "
            f"than {QUERIES}, the queries of the configs.",
            f"Void: {100 * void / pixels:.2f} % of the pixels.",
            *_class_rows(found, classes, pixels),
            *_remarks(found, objects, pixels),
        ]
    )


def _class_rows(
    found: Sequence[Converted], classes: Classes, pixels: int
) -> Iterator[str]:
    """A table: segments of each class, images that have it, its share of the pixels."""
    area: Counter[int] = Counter()
    number: Counter[int] = Counter()
    images: dict[int, set] = defaultdict(set)
    for x in found:
        for row in x.panoptic["segments_info"]:
            category = row["category_id"]
            area[category] += row["area"]
            number[category] += 1
            images[category].add(x.image["id"])
    width = max(map(len, ["class", *classes.names]))
    yield f"  {'class':{width}}  kind   segments  images  pixels"
    for category in classes.categories:
        key, kind = category["id"], "thing" if category["isthing"] else "stuff"
        yield (
            f"  {category['name']:{width}}  {kind}  {number[key]:>8}  "
            f"{len(images[key]):>6}  {100 * area[key] / pixels:6.2f} %"
        )


def _remarks(
    found: Sequence[Converted], objects: Sequence[int], pixels: int
) -> Iterator[str]:
    """What had to be decided, where anything had."""
    notes = [x.notes for x in found]
    mixed = [text for x in notes for text in x.mixed]
    hidden = sum(x.hidden for x in notes)
    if mixed:
        yield (
            f"{len(mixed)} objects have pixels of several classes of things and got "
            f"that of the majority: {shown(mixed)}."
        )
    for count, text in (
        (
            sum(x.relabelled for x in notes),
            "lie in objects and have a label of another class: they are the object's.",
        ),
        (
            sum(x.unclaimed for x in notes),
            "have the label of a thing and no object: they are void.",
        ),
    ):
        if count:
            yield f"{count} pixels ({100 * count / pixels:.2f} %) {text}"
    if hidden:
        yield (
            f"{hidden} objects are covered altogether by others: they are in the file "
            "of instances and not in the panoptic maps."
        )
    if max(objects) == 1:
        yield (
            "No image has more than one object: if maps are masks of a class and no "
            "ids, number the objects (scipy.ndimage.label)."
        )


_CONFIG = """\
_base_ = "configs/maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-{task}.py"
data_root = "{root}"
mine = dict(
    data_root=data_root,
    metainfo=dict(
{metainfo}
    ),
)
train_dataloader = dict(dataset=dict(**mine, data_prefix=dict(img="{train}")))
val_dataloader = dict(dataset=dict(**mine, data_prefix=dict(img="{val}")))
test_dataloader = val_dataloader
val_evaluator = [
{metrics}
]
test_evaluator = val_evaluator
model = dict(num_things_classes={things}, num_stuff_classes={stuff})"""
_AP = 'dict(_base_.mask_ap, ann_file=f"{data_root}/instances_val.json")'


def settings(root: Path, samples: Sequence[Sample], classes: Classes) -> str:
    """A config that trains on the files below a root.

    Without stuff it segments instances.
    """
    names, number = classes.names, classes.num_things
    metainfo, metrics = dict(classes=names), [_AP]
    if is_panoptic := number < len(names):
        metainfo |= dict(thing_classes=names[:number], stuff_classes=names[number:])
        metrics = ["_base_.panoptic_quality", _AP, "_base_.mean_iou"]
    folders = {sample.split: sample.folder for sample in samples}
    indent = " " * 4
    return _CONFIG.format(
        task="panoptic" if is_panoptic else "instance",
        root=root.as_posix(),
        metainfo="\n".join(
            f"{indent * 2}{key}={_quoted(value)}," for key, value in metainfo.items()
        ),
        metrics="\n".join(f"{indent}{metric}," for metric in metrics),
        things=number,
        stuff=len(names) - number,
        **{split: _below(folders[split], root) for split in SPLITS},
    )


def _quoted(names: Sequence[str]) -> str:
    """A tuple of names as a config has it."""
    texts = [json.dumps(name, ensure_ascii=False) for name in names]
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


def _below(folder: Path, root: Path) -> str:
    """A folder as ``data_prefix`` names it: below the root, or from its beginning."""
    if folder.is_relative_to(root):
        return folder.relative_to(root).as_posix()
    return Path(os.path.abspath(folder)).as_posix()
