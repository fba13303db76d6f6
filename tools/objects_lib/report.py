"""What was converted, in numbers, and a config that trains on it."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from prettytable import PrettyTable

from mmseg_maskformer.core.messages import shown

from .classes import Classes
from .painting import Converted
from .samples import SPLITS, Sample

QUERIES = 100  # of the configs' models


def report(split: str, found: Sequence[Converted], classes: Classes) -> str:
    """Images, objects, classes and void of a split, and what had to be decided."""
    objects = [len(x.objects) for x in found]
    crowds = sum(row["iscrowd"] for x in found for row in x.objects)
    segments = [len(x.segments) for x in found]
    many = sum(number > QUERIES for number in segments)
    pixels = sum(x.image["height"] * x.image["width"] for x in found)
    void = pixels - sum(row["area"] for x in found for row in x.segments)
    areas = defaultdict(list)
    images = Counter[int]()
    for x in found:
        images.update({row["category_id"] for row in x.segments})
        for row in x.segments:
            areas[row["category_id"]].append(row["area"])
    table = PrettyTable(["class", "kind", "segments", "images", "pixels"])
    for category in classes.categories:
        key, kind = category["id"], "thing" if category["isthing"] else "stuff"
        share = _percent(sum(areas[key]), pixels)
        table.add_row([category["name"], kind, len(areas[key]), images[key], share])
    things = classes.categories[: classes.num_things]
    hidden = sum(objects) - sum(len(areas[x["id"]]) for x in things)
    return "\n".join(
        [
            f"{split}: {len(found)} images, {objects.count(0)} of them without an "
            f"object; {sum(objects)} objects, {crowds} of them crowds; at most "
            f"{max(objects)} in an image.",
            f"At most {max(segments)} segments in an image; {many} images have more "
            f"than {QUERIES}, the queries of the configs.",
            f"Void: {_percent(void, pixels)} of the pixels.",
            str(table),
            *_remarks(found, pixels, hidden),
        ]
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %"


def _remarks(found: Sequence[Converted], pixels: int, hidden: int) -> list[str]:
    """What had to be decided, where anything had."""
    mixed = [text for x in found for text in x.mixed]
    relabelled = sum(x.relabelled for x in found)
    unclaimed = sum(x.unclaimed for x in found)
    remarks = {
        f"{len(mixed)} objects have pixels of several classes of things and got that "
        f"of the majority: {shown(mixed)}.": mixed,
        f"{relabelled} pixels ({_percent(relabelled, pixels)}) lie in objects and have "
        "a label of another class: they are the object's.": relabelled,
        f"{unclaimed} pixels ({_percent(unclaimed, pixels)}) have the label of a thing "
        "and no object: they are void.": unclaimed,
        f"{hidden} objects are covered altogether by others: they are in the file of "
        "instances and not in the panoptic maps.": hidden,
        "No image has more than one object: if maps are masks of a class and no ids, "
        "number the objects (scipy.ndimage.label).": all(
            len(x.objects) < 2 for x in found
        ),
    }
    return [text for text, is_so in remarks.items() if is_so]


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


def config(root: Path, samples: Sequence[Sample], classes: Classes) -> str:
    """A config that trains on the files below a root.

    Without stuff it segments instances.
    """
    names, number = [x["name"] for x in classes.categories], classes.num_things
    metainfo, metrics = dict(classes=names), [_AP]
    if is_panoptic := number < len(names):
        metainfo |= dict(thing_classes=names[:number], stuff_classes=names[number:])
        metrics = ["_base_.panoptic_quality", _AP, "_base_.mean_iou"]
    texts = {x: json.dumps(y, ensure_ascii=False) for x, y in metainfo.items()}
    folders = {sample.split: sample.folder for sample in samples}
    return _CONFIG.format(
        task="panoptic" if is_panoptic else "instance",
        root=root.as_posix(),
        metainfo="\n".join(f"        {key}={text}," for key, text in texts.items()),
        metrics="\n".join(f"    {metric}," for metric in metrics),
        things=number,
        stuff=len(names) - number,
        **{split: _below(folders[split], root) for split in SPLITS},
    )


def _below(folder: Path, root: Path) -> str:
    """A folder as ``data_prefix`` names it: below the root, or from its beginning."""
    if folder.is_relative_to(root):
        return folder.relative_to(root).as_posix()
    return Path(os.path.abspath(folder)).as_posix()
