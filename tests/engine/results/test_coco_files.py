"""COCO's files of results, read back by our evaluator and by pycocotools."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from PIL import Image

pytest.importorskip("mmdet")
from mmdet.evaluation import CocoMetric
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmseg_maskformer.core.panoptic_quality import (
    Counts,
    PanopticMap,
    add_counts,
    count_segments,
)
from mmseg_maskformer.engine.results.coco import instance_results
from mmseg_maskformer.engine.results.files import ResultFiles
from mmseg_maskformer.engine.results.unlabelled import evaluate_nothing, require_labels
from mmseg_maskformer.metrics.panoptic_quality import PanopticQuality
from tests.datasets import panoptic_files

pytestmark = pytest.mark.mmdet
LOAD = [
    dict(type="mmseg_maskformer.LoadPanopticMap"),
    dict(type="mmseg_maskformer.PackPanopticInputs"),
]
PLACES = {"a.jpg": "day/1.jpg", "b.jpg": "night/1.jpg"}
SIZE = (24, 32)


def truth(root):
    """A set of two images of one name in two folders, with random segments."""
    generator = np.random.default_rng(0)
    content = panoptic_files.content()
    maps = {}
    for image, annotation in zip(
        content["images"], content["annotations"], strict=True
    ):
        image.update(file_name=image["file_name"], height=SIZE[0], width=SIZE[1])
        rows = annotation["segments_info"]
        ids = np.array([0, *(row["id"] for row in rows)])
        blocks = generator.integers(len(ids), size=(3, 4)).repeat(8, 0).repeat(8, 1)
        blocks[0, : len(ids)] = range(len(ids))  # every segment has a pixel
        maps[annotation["file_name"]] = ids[blocks]
    panoptic_files.write_set(root, content, maps)
    for name, place in PLACES.items():
        (root / "images" / place).parent.mkdir()
        (root / "images" / name).rename(root / "images" / place)
    for image in content["images"]:
        image["file_name"] = PLACES[image["file_name"]]
    (root / "all.json").write_text(json.dumps(content))
    return panoptic_files.build(root, pipeline=LOAD)


def predicted(dataset, seed=1):
    """The samples of the data set with random results near the truth."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for index in range(len(dataset)):
        row = dataset[index]
        sample = row["data_samples"]
        sample.set_metainfo(dict(ori_shape=SIZE))
        labels = sample.gt_segments.labels
        objects = torch.arange(1, len(labels) + 1) * (labels < 2)
        # void, class + 1000 * object of the true segments, two that are not there
        encoding = torch.cat(
            [torch.tensor([3]), labels + 1000 * objects, torch.tensor([2, 0, 9001])]
        )
        noise = torch.randint(len(encoding), SIZE, generator=generator)
        near = torch.rand(SIZE, generator=generator) < 0.8
        places = torch.where(near, sample.gt_segment_map.data[0].long(), noise)
        sample.pred_panoptic_seg = PixelData(sem_seg=encoding[places][None])
        count = 6
        masks = torch.rand((count, *SIZE), generator=generator) < 0.5
        masks[:2] = sample.gt_segment_map.data == torch.tensor([1, 3])[:, None, None]
        masks[2] = False
        sample.pred_instances = InstanceData(
            masks=masks,
            labels=torch.randint(2, (count,), generator=generator),
            scores=torch.rand(count, generator=generator),
            bboxes=torch.rand((count, 4), generator=generator),
        )
        sample.pred_sem_seg = PixelData(sem_seg=encoding[places][None] % 1000)
        samples.append(sample)
    return samples


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder of the results, data set, samples."""
    root = tmp_path_factory.mktemp("set")
    dataset = truth(root)
    samples = predicted(dataset)
    folder = root / "results"
    evaluator = Evaluator(ResultFiles(folder, dataset))
    evaluator.process(samples)
    assert evaluator.evaluate(len(samples)) == {}
    return folder, dataset, samples


def test_every_image_has_its_files(written):
    folder, _, _ = written
    found = {str(x.relative_to(folder)) for x in folder.rglob("*.*")}
    maps = [f"{kind}/{day}/1.png" for kind in ("panoptic", "semantic") for day in DAYS]
    assert found == {"panoptic.json", "instances.json", *maps}


DAYS = ("day", "night")


def in_memory(dataset, samples):
    """Counts of the evaluation without files."""
    metric = PanopticQuality()
    metric.dataset_meta = dataset.metainfo
    metric.process(None, [sample.to_dict() for sample in samples])
    return add_counts(Counts(*result) for result in metric.results)


def from_files(folder, dataset, samples):
    """The same of the files, read as panopticapi reads them."""
    content = json.loads((folder / "panoptic.json").read_text())
    by_image = {x["image_id"]: x for x in content["annotations"]}
    counts = []
    for sample in samples:
        row = by_image[sample.img_id]
        colours = np.asarray(Image.open(folder / "panoptic" / row["file_name"]))
        ids = colours.astype(np.int64) @ [1, 256, 65536]
        segments = row["segments_info"]
        areas = {x["id"]: x["area"] for x in segments}
        values, pixels = np.unique(ids[ids > 0], return_counts=True)
        assert areas == dict(zip(values.tolist(), pixels.tolist(), strict=True))
        labels = [dataset.cat2label[x["category_id"]] for x in segments]
        found = PanopticMap(ids, np.array(list(areas)), np.array(labels))
        true = sample.gt_segments
        counts.append(
            count_segments(
                found,
                PanopticMap(
                    sample.gt_segment_map.data[0].numpy(),
                    true.ids.numpy(),
                    true.labels.numpy(),
                    crowd=(~true.is_thing & (true.labels < 2)).numpy(),
                ),
            )
        )
    return add_counts(counts)


def test_panoptic_files_give_the_counts_of_the_evaluation_in_memory(written):
    folder, dataset, samples = written
    expected = in_memory(dataset, samples)
    assert expected.true_positives.sum() > 0
    for one, other in zip(from_files(folder, dataset, samples), expected, strict=True):
        assert one.tolist() == other.tolist()  # to the last bit


def test_panoptic_files_are_a_data_set(written):
    """Our reader takes them for labels; the predictions are right then."""
    folder, _, samples = written
    prefix = dict(img=str(folder.parent / "images"), seg=str(folder / "panoptic"))
    options = dict(ann_file=str(folder / "panoptic.json"), data_prefix=prefix)
    dataset = panoptic_files.build(folder, pipeline=LOAD, **options)
    metric = PanopticQuality()
    metric.dataset_meta = dataset.metainfo
    for index, sample in enumerate(samples):
        row = dataset[index]["data_samples"]
        row.pred_panoptic_seg = sample.pred_panoptic_seg
        metric.process(None, [row.to_dict()])
    assert metric.evaluate(2)["PQ"] == 100.0


def objects(root):
    """A file of instances with the things of the first image."""
    from pycocotools import mask as coding

    ids = np.asarray(Image.open(root / "maps/first.png")).astype(int) @ [1, 256, 65536]
    rows = []
    for number, category in ((5, panoptic_files.CELL), (256, panoptic_files.FIBRE)):
        mask = coding.encode(np.asfortranarray(ids == number, dtype=np.uint8))
        box = coding.toBbox(mask).tolist()
        mask["counts"] = mask["counts"].decode()
        rows.append(dict(id=number, image_id=1, category_id=category, iscrowd=0))
        rows[-1] |= dict(segmentation=mask, bbox=box, area=int((ids == number).sum()))
    content = dict(panoptic_files.content(), annotations=rows)
    (root / "objects.json").write_text(json.dumps(content))
    return str(root / "objects.json")


def test_instances_give_pycocotools_what_the_metric_evaluates(written):
    folder, dataset, samples = written
    ann_file = objects(folder.parent)
    with DefaultScope.overwrite_default_scope("mmdet"):
        metric = CocoMetric(
            ann_file=ann_file, metric="segm", outfile_prefix=str(folder / "host")
        )
    things = dict(dataset.metainfo, classes=("cell", "fibre"))
    metric.dataset_meta = things
    metric.process(None, [sample.to_dict() for sample in samples])
    scores = metric.evaluate(2)
    ours = json.loads((folder / "instances.json").read_text())
    hosts = json.loads((folder / "host.segm.json").read_text())
    for row in hosts:
        del row["bbox"]  # pycocotools would take areas from it
    assert ours == hosts  # scores, run lengths and categories, to the last digit

    read = COCO(ann_file)
    judge = COCOeval(read, read.loadRes(str(folder / "instances.json")), "segm")
    judge.evaluate(), judge.accumulate(), judge.summarize()
    assert judge.stats[0] > 0
    names = ("mAP", "mAP_50", "mAP_75", "mAP_s", "mAP_m", "mAP_l")
    for name, value in zip(names, judge.stats, strict=False):
        assert scores[f"coco/segm_{name}"] == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize("kind", ["CocoPanopticDataset", "CocoInstanceDataset"])
def test_a_set_without_labels_is_written_and_not_evaluated(kind, tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    panoptic_files.write_set(root)
    content = panoptic_files.content()
    del content["annotations"]
    (root / "images.json").write_text(json.dumps(content))
    settings = dict(
        type=f"mmseg_maskformer.{kind}",
        data_root=str(root),
        ann_file="images.json",
        data_prefix=dict(img="images", seg="maps"),
        metainfo=panoptic_files.METAINFO,
        pipeline=LOAD,
        test_mode=True,
    )
    config = Config(dict(test_evaluator=1, test_dataloader=dict(dataset=settings)))
    evaluate_nothing(config)
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = DATASETS.build(config.test_dataloader.dataset)
    sample = dataset[1]["data_samples"]
    assert "gt_segment_map" not in sample
    sample.pred_panoptic_seg = PixelData(sem_seg=torch.tensor([[[2, 1001, 1001, 3]]]))
    ResultFiles(tmp_path / "out", dataset).process(None, [sample.to_dict()])
    colours = np.asarray(Image.open(tmp_path / "out/panoptic/b.png"))
    assert (colours @ [1, 256, 65536]).tolist() == [[3, 1002, 1002, 0]]
    message = r"test_dataloader\.dataset of my\.py has no labels, .* --format-only"
    with pytest.raises(ValueError, match=message):
        require_labels(dataset, "my.py")


def test_a_result_of_an_unknown_image_is_a_sentence(written):
    folder, dataset, samples = written
    sample = samples[0].clone()
    sample.set_metainfo(dict(img_path="elsewhere.jpg"))
    with pytest.raises(KeyError, match=r"'elsewhere\.jpg', which is none of the data"):
        ResultFiles(folder / "new", dataset).process(None, [sample.to_dict()])


def test_no_instances_and_boxes_alone():
    none = dict(
        labels=torch.zeros(0), scores=torch.zeros(0), masks=torch.zeros(0, 4, 5) > 0
    )
    assert instance_results(none, 1, [7]) == []
    boxes = torch.tensor([[1.0, 2.0, 4.0, 8.5]])
    found = dict(labels=torch.tensor([1]), scores=torch.tensor([0.5]), bboxes=boxes)
    expected = dict(image_id=1, category_id=9, score=0.5, bbox=[1.0, 2.0, 3.0, 6.5])
    assert instance_results(found, 1, [7, 9]) == [expected]
