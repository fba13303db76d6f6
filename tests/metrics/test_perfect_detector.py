"""The truth handed to the head as predictions: 1 in every variant that is allowed.

Each variant is written to disk in both formats and goes through data set, pipeline,
the detector's inference and the metrics.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mmdet")
from tests.perfect import PICTURES, Case, corners, evaluated, listed, targets

pytestmark = pytest.mark.mmdet
KINDS = ("panoptic", "instances")
BOXES = [box for boxes in PICTURES.values() for box in boxes]


def image_ids(case, own, theirs):
    """Let images and their annotations have ids made of the numbers 1 and 2."""
    for image in case.images:
        image["id"] = own(image["id"])
    for row in case.objects + case.panoptic["annotations"]:
        row["image_id"] = theirs(row["image_id"])


def category_ids(case, own, theirs):
    for file in (case.panoptic, case.instances):
        for category in file["categories"]:
            category["id"] = own(category["id"])
    for row in case.objects + case.segments:
        row["category_id"] = theirs(row["category_id"])


def object_values(**values):
    def change(case):
        for row in case.objects + case.segments:
            row.update(values)

    return change


def image_values(**values):
    def change(case):
        for image in case.images:
            image.update(values)

    return change


def without(*keys):
    def change(case):
        for row in case.objects + case.segments + case.images:
            for key in keys:
                row.pop(key, None)

    return change


def masks(make):
    """Let objects, of crowds too, have masks that ``make`` makes of their boxes."""

    def change(case):
        for row, box in zip(case.objects, BOXES, strict=True):
            row["segmentation"] = make(box)

    return change


def in_two(box):
    """The polygons of the left and the right part of a rectangle, and a line."""
    left = box._replace(width=15)
    right = box._replace(x=box.x + 15, width=box.width - 15)
    return [corners(left), [box.x, box.y, box.x + 9, box.y], corners(right)]


def flags(no, yes):
    def change(case):
        for row in case.objects + case.segments:
            row["iscrowd"] = yes if row["iscrowd"] else no

    return change


def ignored(case):
    """The file of instances calls them ignored."""
    for row in case.objects:
        row["ignore"] = row.pop("iscrowd")


def no_crowds(case):
    """Single objects only, and no key that says so."""
    flags(0, 0)(case)
    without("iscrowd")(case)


def ids_from_zero(case):
    image_ids(case, own=lambda x: x - 1, theirs=lambda x: x - 1)
    category_ids(case, own=lambda x: x - 3, theirs=lambda x: x - 3)
    for row in case.objects:
        row["id"] -= 1


def of_metric(change):
    """Change the metric's file, and not that of the data set."""

    def both(case):
        other = Case()
        change(other)
        case.truth = other.instances

    return both


def other_order(case):
    case.instances["categories"].reverse()


def strangers(case):
    case.objects.append(case.objects[0] | dict(image_id=77))
    case.panoptic["annotations"].append(
        case.panoptic["annotations"][0] | dict(image_id=77)
    )


def nothing_drawn(case):
    """Objects without a pixel: a code, a line, a polygon outside of the picture."""
    for mask in (
        dict(size=[96, 144], counts=[13824]),
        [[3, 3, 9, 9]],
        [[-9, -9, -5, -9, -5, -5]],
    ):
        case.objects.append(case.objects[0] | dict(segmentation=mask))


def more_categories(case):
    case.instances["categories"].insert(0, dict(id=1, name="dust"))
    case.objects.append(case.objects[0] | dict(category_id=1))


def turned(stored):
    """Pictures with EXIF orientation 6, drawn on as they are shown or as stored."""

    def change(case):
        case.orientation, case.turned = 6, not stored
        if stored:
            case.load["color_type"] = "color_ignore_orientation"

    return change


def loading(**config):
    return lambda case: setattr(case, "load", config)


def steps(*configs):
    return lambda case: setattr(case, "steps", list(configs))


ALLOWED = {
    "as written": lambda case: None,
    "byte order mark": lambda case: setattr(case, "encoding", "utf-8-sig"),
    # masks
    "polygons": masks(lambda box: [corners(box)]),
    "polygons in parts": masks(in_two),
    "uncompressed codes": masks(lambda box: listed(box.mask)),
    "objects without a pixel": nothing_drawn,
    # numbers beside the masks
    "area 0": object_values(area=0),
    "area null": object_values(area=None),
    "area as text": object_values(area="5"),
    "area of the box of all": object_values(area=13824),
    "bbox of zeros": object_values(bbox=[0, 0, 0, 0]),
    "bbox of five": object_values(bbox=[1, 2, 3, 4, 5]),
    "bbox of corners": object_values(bbox=[58, 11, 92, 85]),
    "bbox null": object_values(bbox=None),
    "no area, no bbox": without("area", "bbox"),
    "ignore 0": object_values(ignore=0),
    # ids
    "ids from 0": ids_from_zero,
    "no annotation ids": lambda case: [x.pop("id") for x in case.objects],
    "annotation ids twice": lambda case: [x.update(id=1) for x in case.objects],
    "image ids as text": lambda case: image_ids(case, "id {}".format, "id {}".format),
    "image ids as text in annotations": lambda case: image_ids(case, int, str),
    "image ids as text in images": lambda case: image_ids(case, str, int),
    "image ids of both types": lambda case: image_ids(
        case, lambda x: x if x == 1 else str(x), str
    ),
    "image ids as floats": lambda case: image_ids(case, float, float),
    "category ids as text": lambda case: category_ids(
        case, lambda x: str(x + 10), lambda x: str(x + 10)
    ),
    "category ids as text in annotations": lambda case: category_ids(case, int, str),
    "segment ids as text": lambda case: [
        x.update(id=str(x["id"])) for x in case.segments
    ],
    "unlisted images": strangers,
    "more categories": more_categories,
    # crowds
    "no iscrowd": no_crowds,
    "iscrowd as text": flags("0", "1"),
    "iscrowd as truth": flags(False, True),
    "iscrowd null": flags(None, 1),
    "ignore in their place": ignored,
    # sizes
    "size -1": image_values(height=-1, width=-1),
    "size null": image_values(height=None, width=None),
    "no size": without("height", "width"),
    "no size, polygons": lambda case: [
        without("height", "width")(case),
        masks(lambda box: [corners(box)])(case),
    ],
    "turned pictures": turned(stored=False),
    "turned pictures, as stored": turned(stored=True),
    # the metric's own file
    "metric: categories in another order": of_metric(other_order),
    "metric: other category ids": of_metric(
        lambda case: category_ids(case, lambda x: 20 - x, lambda x: 20 - x)
    ),
    "metric: more categories": of_metric(more_categories),
    "metric: image ids as text": of_metric(lambda case: image_ids(case, str, str)),
    "metric: ids from 0": of_metric(
        lambda case: [x.update(id=x["id"] - 1) for x in case.objects]
    ),
    "metric: images in another order": of_metric(
        lambda case: case.instances["images"].reverse()
    ),
    # loading
    "host's loading, cv2": loading(type="LoadImageFromFile"),
    "host's loading, Pillow": loading(
        type="LoadImageFromFile", imdecode_backend="pillow"
    ),
    "resized": steps(dict(type="Resize", scale_factor=2.0, keep_ratio=True)),
    "resized by Pillow's rules": steps(
        dict(
            type="mmseg_maskformer.ResizeWithLabels", scale=(288, 192), keep_ratio=True
        )
    ),
}


def check(found, kind, least=1.0):
    """Values of all metrics, in shares of 1; without an annotation step, AP alone."""
    names = dict(panoptic=("PQ", "PQ_Th", "PQ_St", "mIoU"), instances=())[kind]
    values = {name: found[name] / 100 for name in names}
    values["AP"] = found["coco/segm_mAP"]
    assert all(value >= least for value in values.values()), values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_a_perfect_detector_is_perfect(tmp_path, change, kind):
    case = Case()
    change(case)
    case.write(tmp_path)
    check(evaluated(tmp_path, case, kind), kind)
    check(evaluated(tmp_path, case, kind, stride=4), kind, least=0.95)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_every_object_is_a_target(tmp_path, change, kind):
    case = Case()
    change(case)
    case.write(tmp_path)
    crowds = any(row.get("iscrowd") for row in case.segments)
    for boxes, found in zip(
        PICTURES.values(), targets(tmp_path, case, kind), strict=True
    ):
        wanted = [box for box in boxes if not (crowds and box.crowd)]
        labels, corners, masks = found
        assert labels == [box.label for box in wanted]
        assert corners == [
            [box.x, box.y, box.x + box.width, box.y + box.height] for box in wanted
        ]
        assert np.array_equal(masks, [box.mask for box in wanted])


HOST = ("as written", "ids from 0", "no iscrowd", "area 0", "bbox of zeros", "size -1")
HOST += ("metric: categories in another order", "metric: ids from 0", "polygons")


@pytest.mark.parametrize("change", [ALLOWED[name] for name in HOST], ids=HOST)
def test_the_file_of_the_hosts_metric_is_made_fit(tmp_path, change):
    case = Case()
    change(case)
    case.metric = dict(type="CocoMetric")
    case.write(tmp_path)
    check(evaluated(tmp_path, case, "panoptic"), "panoptic")


@pytest.mark.parametrize("metric", ["CocoMetric", "mmseg_maskformer.CocoMetric"])
def test_the_first_image_alone(tmp_path, metric):
    case = Case()
    case.metric = dict(type=metric)
    case.write(tmp_path)
    check(evaluated(tmp_path, case, "panoptic", indices=[0]), "panoptic")
