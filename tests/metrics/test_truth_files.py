"""Files of metrics: of other data, with other classes, and the host's made fit."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import InstanceData

pytest.importorskip("mmdet")
from mmdet.datasets.api_wrappers import COCO, COCOPanoptic
from mmdet.structures import DetDataSample
from pycocotools.cocoeval import COCOeval

from mmseg_maskformer.engine.hooks.check_metric_files_hook import CheckMetricFilesHook
from mmseg_maskformer.metrics import truth_files
from mmseg_maskformer.metrics.coco_metric import CocoMetric
from mmseg_maskformer.metrics.truth_files import check_truth
from tests.perfect import PICTURES, Box, Case, panoptic

pytestmark = pytest.mark.mmdet


def other(change):
    """A case whose metric has a changed file."""
    case, changed = Case(), Case()
    change(changed.instances)
    case.truth = changed.instances
    return case


def other_names(file):
    for image in file["images"]:
        image["file_name"] = f"train/{image['id']}.jpg"


def first_image_alone(file):
    del file["images"][1]


def other_size(file):
    file["images"][1].update(height=48, width=48)
    file["annotations"] = file["annotations"][:3]


def no_cells(file):
    file["categories"] = file["categories"][1:]
    file["annotations"] = [x for x in file["annotations"] if x["category_id"] == 3]


def with_image_ids(make):
    def change(file):
        for row in file["images"]:
            row["id"] = make(row["id"])
        for row in file["annotations"]:
            row["image_id"] = make(row["image_id"])

    return change


OTHERS = {
    "other pictures under the same ids": (
        other_names,
        r"has train/1\.jpg as the image of id 1, but the data set that is evaluated "
        r"has .*/images/a\.jpg: it belongs to another data set\. Correct ann_file",
    ),
    "an image is missing": (
        first_image_alone,
        r"lacks 1 of the 2 images that are evaluated, .*id\(s\) 2; its ids are 1\.",
    ),
    "other ids": (
        with_image_ids(lambda x: x + 100),
        r"lacks 2 of the 2 images .*id\(s\) 1, 2; its ids are 101, 102\. Correct",
    ),
    "other sizes": (
        other_size,
        r"gives b\.jpg 48 x 48 pixels .*but the file of the data .* evaluated 96 x 144",
    ),
    "no such class": (no_cells, "has cell, but the categories of .* are fibre"),
    "nothing annotated": (
        lambda file: file.update(annotations=[]),
        "annotates nothing in its images",
    ),
    "category that is not listed": (
        lambda file: file["annotations"][0].update(category_id=50),
        "has objects of category_id 50, which its categories do not list",
    ),
    "a panoptic file": (
        lambda file: file.update(panoptic()),
        r"is a panoptic file: .*Give CocoInstanceDataset the file of instances",
    ),
}


def refused(root, change, message, metric):
    case = other(change)
    case.metric = dict(type=metric)
    case.write(root)
    data = case.data(root, "instances")
    with pytest.raises(ValueError, match=message):
        case.evaluator(root, data)


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_files_of_other_data_are_refused(tmp_path, change, message):
    refused(tmp_path, change, message, "mmseg_maskformer.CocoMetric")


READ = [name for name in OTHERS if name != "a panoptic file"]  # the host's: KeyError


@pytest.mark.parametrize(("change", "message"), [OTHERS[x] for x in READ], ids=READ)
def test_the_hosts_metric_refuses_them_too(tmp_path, change, message):
    refused(tmp_path, change, message, "CocoMetric")


def test_the_hosts_metric_does_not_find_ids_of_another_type(tmp_path):
    message = r"id\(s\) 1, 2; its ids are '1', '2'\."
    refused(tmp_path, with_image_ids(str), message, "CocoMetric")


def one_object(file):
    file["annotations"] = file["annotations"][:1]


@pytest.fixture
def said(monkeypatch):
    """What is written into the log."""
    texts = []
    monkeypatch.setattr(truth_files, "print_log", lambda text, *_: texts.append(text))
    return texts


@pytest.mark.parametrize("kind", ["panoptic", "instances"])
def test_the_same_pictures_with_other_objects(tmp_path, kind, said, monkeypatch):
    case = other(one_object)
    case.write(tmp_path)
    data = case.data(tmp_path, kind)
    case.evaluator(tmp_path, data)
    (line,) = said
    assert f"has other objects than {tmp_path}/{kind}.json" in line
    assert "5 of 6 are in one of them alone, or of another class. Correct" in line
    (tmp_path / "base").mkdir()
    (tmp_path / "truth.json").rename(tmp_path / "base/truth.json")
    with pytest.raises(ValueError, match=r"base/truth\.json has other objects than"):
        case.evaluator(tmp_path / "base", data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^base/truth\.json has other objects than"):
        case.evaluator("base", data)


def test_data_without_objects_are_not_compared(tmp_path, said):
    case = Case()
    del case.panoptic["annotations"]
    case.write(tmp_path)
    case.evaluator(tmp_path, case.data(tmp_path, "panoptic"))
    assert said == []


def test_the_hook_checks_each_metric_once_before_training(tmp_path):
    case = other(first_image_alone)
    case.write(tmp_path)
    data = case.data(tmp_path, "instances")
    metric = CocoMetric(ann_file=f"{tmp_path}/truth.json", metric="segm")
    metric.dataset_meta = data.metainfo
    runner = SimpleNamespace(
        val_loop=True,
        val_evaluator=SimpleNamespace(metrics=[metric, object()]),
        val_dataloader=SimpleNamespace(dataset=data),
    )
    hook = CheckMetricFilesHook()
    with pytest.raises(ValueError, match="lacks 1 of the 2 images"):
        hook.before_train(runner)
    hook.before_val(runner)  # it is known


def sample(boxes, **meta):
    """A data sample whose prediction is some boxes, all sure."""
    found = DetDataSample(metainfo=dict(img_path="a.jpg", ori_shape=(96, 144), **meta))
    found.pred_instances = InstanceData(
        labels=torch.tensor([box.label for box in boxes]),
        masks=torch.stack([torch.from_numpy(box.mask) for box in boxes]),
        bboxes=torch.tensor([[x.x, x.y, x.x + x.width, x.y + x.height] for x in boxes]),
        scores=torch.ones(len(boxes)),
    )
    return found.to_dict()


def metric_of(root, case, **options):
    case.write(root)
    found = CocoMetric(ann_file=f"{root}/truth.json", metric="segm", **options)
    found.dataset_meta = dict(classes=("cell", "fibre"))
    return found


def test_result_files_have_the_ids_of_the_file(tmp_path):
    case = other(with_image_ids("id {}".format))
    metric = metric_of(tmp_path, case, outfile_prefix=f"{tmp_path}/results")
    for name, boxes in PICTURES.items():
        image_id = f"id {'ab'.index(name) + 1}"
        metric.process({}, [sample(boxes, img_id=image_id)])
    assert metric.evaluate(2)["coco/segm_mAP"] == 1.0
    rows = json.loads((tmp_path / "results.segm.json").read_text())
    assert [(x["image_id"], x["category_id"]) for x in rows] == [
        *[("id 1", 7), ("id 1", 7), ("id 1", 3)],
        *[("id 2", 3), ("id 2", 7), ("id 2", 3)],
    ]
    truth = COCO(f"{tmp_path}/truth.json")
    theirs = COCOeval(truth, truth.loadRes(f"{tmp_path}/results.segm.json"), "segm")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    assert theirs.stats[0] == 1.0


def test_values_of_classes_have_their_names(tmp_path):
    metric = metric_of(tmp_path, Case(), classwise=True)  # ids 7 and 3
    cells = [[box for box in boxes if box.label == 0] for boxes in PICTURES.values()]
    metric.process({}, [sample(boxes, img_id=i + 1) for i, boxes in enumerate(cells)])
    found = metric.evaluate(2)
    assert (found["coco/cell_precision"], found["coco/fibre_precision"]) == (1.0, 0.0)


def test_the_hosts_metric_would_mix_up_their_names(tmp_path):
    case = Case()
    case.metric = dict(type="CocoMetric", classwise=True)
    case.write(tmp_path)
    data = case.data(tmp_path, "instances")
    with pytest.raises(ValueError, match=r"has the ids 7, 3 for cell, fibre, .*mix up"):
        case.evaluator(tmp_path, data)


def test_images_of_another_size_or_split_are_refused_while_they_are_evaluated(tmp_path):
    metric = metric_of(tmp_path, Case())
    with pytest.raises(ValueError, match=r"lists no image with the id 3, that of a\."):
        metric.process({}, [sample(PICTURES["a"], img_id=3)])
    turned = sample(PICTURES["a"], img_id=1) | dict(ori_shape=(144, 96))
    with pytest.raises(ValueError, match=r"truth\.json gives a\.jpg 96 x 144 pixels"):
        metric.process({}, [turned])


def test_sizes_of_objects_are_those_of_their_masks(tmp_path):
    """36 x 36 pixels are medium (32^2 to 96^2), whatever the file says."""
    case = Case()
    small = Box(3, 3, 36, 36, 0)
    for row in case.objects:
        row.update(area=7, bbox=[0, 0, 1, 1])
    metric = metric_of(tmp_path, case)
    for number, boxes in enumerate(PICTURES.values(), start=1):
        metric.process({}, [sample([*boxes, small], img_id=number)])
    found = metric.evaluate(2)
    assert found["coco/segm_mAP_s"] == -1  # there is none
    assert found["coco/segm_mAP_m"] > 0.5


def test_joined_data_may_differ_in_colours_and_need_classes(tmp_path):
    metric = metric_of(tmp_path, Case())
    one = metric.dataset_meta
    metric.dataset_meta = [one, dict(one, palette=[(0, 0, 0)] * 2)]
    assert metric.dataset_meta == one
    with pytest.raises(ValueError, match=r"CocoMetric compares .*Write metainfo=dict"):
        metric.dataset_meta = {}


class PanopticMetric:
    """What check_truth needs of the host's panoptic metric, which needs panopticapi."""

    def __init__(self, root):
        self._coco_api = COCOPanoptic(f"{root}/panoptic.json")
        self.seg_prefix = f"{root}/maps"
        self.categories = self._coco_api.cats


def test_areas_of_the_hosts_panoptic_metric_are_those_of_the_maps(tmp_path):
    case = Case()
    for row in case.segments:
        row.update(id=str(row["id"]), area=0)
        del row["iscrowd"]
    case.write(tmp_path)
    metric = PanopticMetric(tmp_path)
    check_truth(metric, case.data(tmp_path, "panoptic"))
    found = metric._coco_api.imgToAnns[1]
    boxes = [box.width * box.height for box in PICTURES["a"]]
    ground = 96 * 141 - sum(boxes)  # three columns are void
    assert [x["area"] for x in found] == [*boxes, ground]
    assert [(x["id"], x["iscrowd"]) for x in found] == [(1, 0), (2, 0), (3, 0), (4, 0)]


def test_maps_that_the_host_would_not_find_are_refused(tmp_path):
    case = Case()
    case.write(tmp_path)
    metric = PanopticMetric(tmp_path)
    metric._coco_api.dataset["annotations"][0]["file_name"] = "a_map.png"
    with pytest.raises(
        ValueError, match=r"names the map a_map\.png, and the host's .* reads a\.png"
    ):
        check_truth(metric, case.data(tmp_path, "panoptic"))
