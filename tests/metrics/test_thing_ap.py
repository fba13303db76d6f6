"""AP of things without a file, and boundary AP, in closed form."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from mmengine.structures import InstanceData

pytest.importorskip("mmdet")
from mmseg_maskformer.metrics import many_objects
from mmseg_maskformer.metrics.coco_metric import CocoMetric
from mmseg_maskformer.metrics.thing_ap import ThingAP

pytestmark = pytest.mark.mmdet
META = dict(classes=("cell", "fibre", "ground"), thing_classes=("cell", "fibre"))


def square(top, left, side, width=None):
    """(100, 100) boolean, a square or a frame of that width."""
    mask = torch.zeros(100, 100, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    if width is not None:
        mask[top + width : top + side - width, left + width : left + side - width] = 0
    return mask


FRAME = square(5, 5, 40, width=1)  # 156 pixels in a box of 1,600
LARGE = square(50, 50, 40)


def sample(*predicted):
    """A frame, a square, a crowd and ground; the masks that are predicted for them."""
    numbers = torch.full((100, 100), 4)
    for number, mask in enumerate((FRAME, LARGE, square(0, 60, 30)), start=1):
        numbers[mask] = number
    masks = torch.stack(predicted)
    found = InstanceData(
        bboxes=torch.zeros(len(masks), 4),
        scores=torch.linspace(0.9, 0.5, len(masks)),
        labels=torch.arange(len(masks)) % 2,
        masks=masks,
    )
    return dict(
        img_id=7,
        ori_shape=(100, 100),
        gt_segment_map=dict(data=numbers[None]),
        gt_segments=InstanceData(
            ids=torch.tensor([1, 2, 3, 4, 5]),  # the last has no pixel
            labels=torch.tensor([0, 1, 0, 2, 0]),
            is_thing=torch.tensor([True, True, False, False, True]),
        ),
        pred_instances=found,
    )


def values(metric, *samples):
    metric.dataset_meta = META
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_things_are_objects_by_size_of_their_masks():
    """The frame is found; 36 of 40 rows of the square are an IoU of 0.9.

    The crowd is ignored with what lies in it, stuff is no object.
    """
    shorter = LARGE.clone()
    shorter[50:54] = False
    inside_crowd = square(2, 62, 20)
    found = values(ThingAP(), sample(FRAME, shorter, inside_crowd))
    assert found["coco/segm_mAP"] == 0.95  # (1 + 9 / 10) / 2
    assert found["coco/segm_mAP_s"] == 1.0
    assert found["coco/segm_mAP_m"] == 0.9
    assert found["coco/segm_mAP_l"] == -1


def test_every_evaluation_has_its_own_objects():
    metric = ThingAP()
    assert values(metric, sample(FRAME, LARGE))["coco/segm_mAP"] == 1.0
    again = values(metric, sample(FRAME, square(52, 50, 40)))  # 38 of 42 rows: 0.905
    assert again["coco/segm_mAP"] == 0.95
    other = sample(FRAME, LARGE)
    other["gt_segments"].labels[:2] = torch.tensor([1, 0])  # each is the other's
    assert values(metric, other)["coco/segm_mAP"] == 0.0


@pytest.mark.parametrize("kind", ["ThingAP", "CocoMetric", "boundary"])
def test_a_model_that_finds_nothing_has_an_ap_of_0(kind, tmp_path):
    """No object is large; the file has no small one either."""
    file, boundary = kind != "ThingAP", kind == "boundary"
    if boundary:
        pytest.importorskip("faster_coco_eval")
    path = instances_file(tmp_path / "x.json")
    metric = CocoMetric(path, boundary=boundary) if file else ThingAP()
    metric.metrics = ["segm"]
    nothing = sample(FRAME)
    nothing["pred_instances"] = nothing["pred_instances"][:0]
    found = values(metric, nothing)
    name = "coco/boundary_mAP" if boundary else "coco/segm_mAP"
    sizes = [found[f"{name}{size}"] for size in ("", "_50", "_s", "_m", "_l")]
    assert sizes == [0.0, 0.0, -1.0 if file else 0.0, 0.0, -1.0]


def test_images_of_joined_data_sets_may_have_one_number():
    """Each is predicted with the object of the other: as one, they would be perfect."""
    first, second = sample(LARGE), sample(FRAME)  # has the frame, has the square
    for place, (x, label) in enumerate(((first, 1), (second, 0))):
        x["gt_segments"] = x["gt_segments"][place : place + 1]
        x["pred_instances"].labels[:] = label
    assert values(ThingAP(), first, second)["coco/segm_mAP"] == 0.0
    second["img_id"] = 8
    assert values(ThingAP(), first, second)["coco/segm_mAP"] == 0.0


@pytest.mark.parametrize("file", [False, True], ids=["ThingAP", "CocoMetric"])
@pytest.mark.parametrize(("number", "mean"), [(100, 1.0), (150, 0.663)])
def test_objects_beyond_a_hundred_are_told(tmp_path, monkeypatch, file, number, mean):
    """A hundred of 150: precision is 1 at recalls up to 2 / 3, at 67 of 101."""
    told = []
    monkeypatch.setattr(many_objects, "print_log", lambda text, **_: told.append(text))
    places = [(8 * (k // 13), 8 * (k % 13)) for k in range(number)]
    many = sample(*(square(*place, 2) for place in places))
    segments = torch.zeros(100, 100, dtype=torch.long)
    for k, (top, left) in enumerate(places, start=1):
        segments[top : top + 2, left : left + 2] = k
    many["gt_segment_map"] = dict(data=segments[None])
    many["gt_segments"] = InstanceData(
        ids=torch.arange(1, number + 1),
        labels=torch.zeros(number, dtype=torch.long),
        is_thing=torch.ones(number, dtype=torch.bool),
    )
    many["pred_instances"].labels[:] = 0
    corners = [(x, y, x + 2, y, x + 2, y + 2, x, y + 2) for y, x in places]
    path = tmp_path / "x.json"
    metric = CocoMetric(instances_file(path, *corners)) if file else ThingAP()
    metric.metrics = ["segm"]
    found = values(metric, many)
    assert (found["coco/segm_mAP"], found["coco/segm_mAP_50"]) == (mean, 1.0)
    assert len(told) == int(number > 100)
    for text in told:
        assert text.startswith("1 of 1 images have more than 100 objects of one class,")
        assert "up to 150." in text


@pytest.mark.parametrize("kind", [CocoMetric, ThingAP])
def test_numbers_of_detections_without_that_of_map_are_refused(tmp_path, kind):
    """With such numbers mAP would be -1, which says that there is no object."""
    file = dict(ann_file=instances_file(tmp_path / "x.json"))
    options = file if kind is CocoMetric else {}
    message = rf"^{kind.__name__} has proposal_nums=\(300, 300, 1000\)\. .* mAP is -1"
    with pytest.raises(ValueError, match=message):
        kind(proposal_nums=(300, 300, 1000), **options)
    for other in (dict(metric="proposal"), dict(use_mp_eval=True)):
        kind(proposal_nums=(10, 300, 1000), **other, **options)  # need no 100


def test_a_model_without_instances_is_told():
    without = sample(FRAME)
    del without["pred_instances"]
    with pytest.raises(KeyError, match="test_cfg.instance_on=True"):
        values(ThingAP(), without)


def instances_file(path, *polygons):
    """Objects of one class; by default the square alone."""
    polygons = polygons or [(50, 50, 90, 50, 90, 90, 50, 90)]
    row = dict(image_id=7, category_id=3, iscrowd=0)
    content = dict(
        images=[dict(id=7, file_name="a.png", height=100, width=100)],
        categories=[dict(id=3, name="cell"), dict(id=4, name="fibre")],
        annotations=[
            dict(row, id=k, segmentation=[corners])
            for k, corners in enumerate(polygons, start=1)
        ],
    )
    path.write_text(json.dumps(content))
    return str(path)


def test_boundary_ap_has_the_lesser_of_two_overlaps(tmp_path):
    """Rings are 3 pixels wide, 0.02 of the diagonal: 40^2 - 34^2 and 38^2 - 32^2.

    They share 38^2 - 34^2 = 288 of 576 pixels, an IoU of 0.5; that of the masks is
    38^2 / 40^2 = 0.9025.
    """
    pytest.importorskip("faster_coco_eval")
    file = instances_file(tmp_path / "instances.json")
    metric = CocoMetric(file, metric="segm", boundary=True)
    found = values(metric, sample(square(51, 51, 38)))
    assert found["coco/segm_mAP"] == 0.9
    assert found["coco/boundary_mAP"] == 0.1
    assert found["coco/boundary_mAP_50"] == found["coco/boundary_mAP_m"] * 10 == 1
    assert found["coco/boundary_mAP_75"] == 0
    assert found["coco/boundary_mAP_s"] == found["coco/boundary_mAP_l"] == -1


def test_boundary_ap_names_the_library_that_it_needs(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    file = instances_file(tmp_path / "instances.json")
    with pytest.raises(ImportError, match="pip install faster-coco-eval"):
        CocoMetric(file, metric="segm", boundary=True)
