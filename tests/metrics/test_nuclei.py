"""The metrics of the nuclei's config, ours and the host's, in one evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import InstanceData, PixelData

pytest.importorskip("mmdet")
pytestmark = pytest.mark.mmdet
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NUCLEI = ["000164.jpg", "000326.jpg", "000006.jpg"]  # 98, 89 and fewer


@pytest.fixture
def nuclei(configured_data, tmp_path):
    """The metrics of the config, and its data set, on three images of the nuclei."""
    config = Config.fromfile(CONFIGS / "_base_/datasets/dsb2018_panoptic.py")
    for name, owner in (
        ("panoptic_val.json", config.val_dataloader.dataset),
        ("instances_val.json", config.val_evaluator[1]),
    ):
        content = json.loads((configured_data / "dsb2018" / name).read_text())
        content["images"] = [x for x in content["images"] if x["file_name"] in NUCLEI]
        ids = {x["id"] for x in content["images"]}
        kept = [x for x in content["annotations"] if x["image_id"] in ids]
        owner.ann_file = str(tmp_path / name)
        Path(owner.ann_file).write_text(json.dumps(content | {"annotations": kept}))
    with DefaultScope.overwrite_default_scope("mmdet"):
        data = DATASETS.build(config.val_dataloader.dataset)
        found = Evaluator(config.val_evaluator)
        found.dataset_meta = data.metainfo
        yield found, [item["data_samples"] for item in data]


def predict(image, every):
    """Write the truth as the prediction, with one nucleus of ``every`` left out."""
    segments = image.gt_segments
    keep = torch.arange(len(segments)) % every != every - 1
    keep |= ~segments.is_thing
    values = torch.where(segments.is_thing, 1000 * segments.ids, 1)
    encoded = torch.cat([torch.tensor([2]), torch.where(keep, values, 2)])
    numbers = image.gt_segment_map.data.long()
    image.pred_panoptic_seg = PixelData(sem_seg=encoded[numbers])
    labels = torch.cat([torch.tensor([0]), segments.labels])
    image.pred_sem_seg = PixelData(sem_seg=labels[numbers])
    found = image.gt_instances[keep[segments.is_thing]]
    image.pred_instances = InstanceData(
        labels=found.labels,
        masks=torch.from_numpy(found.masks.masks).bool(),
        bboxes=torch.as_tensor(found.bboxes),
        scores=torch.ones(len(found)),
    )


def test_perfect_nuclei_are_perfect_for_every_metric(nuclei):
    evaluator, images = nuclei
    for image in images:
        predict(image, every=10**6)
    evaluator.process(images)
    found = evaluator.evaluate(len(images))
    assert [found[f"PQ{x}"] for x in ("", "_Th", "_St")] == [100.0] * 3
    assert found["coco/segm_mAP"] == 1.0
    assert found["mIoU"] == 100.0


def test_missed_nuclei_cost_what_they_should(nuclei):
    evaluator, images = nuclei
    for image in images:
        predict(image, every=4)
    evaluator.process(images)
    found = evaluator.evaluate(len(images))
    total = sum(len(image.gt_instances) for image in images)
    kept = sum(len(image.pred_instances) for image in images)
    assert 0.7 < kept / total < 0.8
    assert found["PQ_Th"] == round(100 * kept / (kept + (total - kept) / 2), 2)
    assert found["PQ_St"] == 100.0
    # precision 1 at the recalls 0, 0.01, ..., up to kept / total
    assert found["coco/segm_mAP"] == round((100 * kept // total + 1) / 101, 3)
