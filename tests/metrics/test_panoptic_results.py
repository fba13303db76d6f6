"""The metric on panoptic results in mmdet's encoding, on several processes."""

from __future__ import annotations

import datetime
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from PIL import Image

pytest.importorskip("mmdet")
from mmdet.structures import DetDataSample

from mmseg_maskformer.core.panoptic_quality import add_counts

pytestmark = pytest.mark.mmdet
META = {
    "classes": ("cell", "fibre", "ground"),
    "thing_classes": ("cell", "fibre"),
    "stuff_classes": ("ground",),
}
CELL_1, CELL_2, FIBRE_3, GROUND, VOID = 1000, 2000, 3001, 2, 3  # class + 1000 * object


def sample(predicted, numbers, labels, is_thing):
    """A data sample from (H, W) maps; segment i of the truth has the number i + 1."""
    found = DetDataSample(metainfo={"img_path": "a.jpg"})
    found.pred_panoptic_seg = PixelData(sem_seg=torch.as_tensor(predicted)[None])
    found.gt_segment_map = PixelData(data=torch.as_tensor(numbers)[None])
    found.gt_segments = InstanceData(
        ids=torch.arange(1, len(labels) + 1),
        labels=torch.as_tensor(labels, dtype=torch.long),
        is_thing=torch.as_tensor(is_thing, dtype=torch.bool),
    )
    return found


def evaluator(meta=META):
    found = Evaluator({"type": "mmseg_maskformer.PanopticQuality"})
    found.dataset_meta = meta
    return found


def evaluated(samples, meta=META):
    found = evaluator(meta)
    found.process(samples)
    return found.evaluate(len(samples))


def two_images():
    """Two images whose qualities are known.

    First: cell 3/4 and 2/3; a fibre on the crowd of fibres, excused; ground 3/3, its
    fourth pixel lies on void. Second: the fibre missed and called a cell; a fibre on
    void, excused; ground missed.
    """
    return [
        sample(
            [[CELL_1, CELL_1, CELL_1, CELL_2, CELL_2, CELL_2], [FIBRE_3] * 2 + [2] * 4],
            [[1, 1, 1, 1, 2, 2], [3, 3, 4, 4, 4, 0]],
            labels=[0, 0, 1, 2],
            is_thing=[True, True, False, False],  # the fibres are a crowd
        ),
        sample(
            [[CELL_1, CELL_1, CELL_1, FIBRE_3, FIBRE_3, VOID]],
            [[1, 1, 1, 0, 0, 2]],
            labels=[1, 2],
            is_thing=[True, False],
        ),
    ]


# cell: 2 TP of 3/4 + 2/3 = 17/12, 1 FP: PQ 17/30, SQ 17/24, RQ 4/5; fibre: 1 FN: 0;
# ground: 1 TP of 1, 1 FN: PQ 2/3, SQ 1, RQ 2/3
EXPECTED = {
    "PQ": 41.11,  # (17/30 + 0 + 2/3) / 3
    "SQ": 56.94,  # (17/24 + 0 + 1) / 3
    "RQ": 48.89,  # (4/5 + 0 + 2/3) / 3
    "PQ_Th": 28.33,  # 17/60
    "SQ_Th": 35.42,  # 17/48
    "RQ_Th": 40.0,  # 2/5
    "PQ_St": 66.67,
    "SQ_St": 100.0,
    "RQ_St": 66.67,
}


def test_hand_computed_case():
    assert evaluated(two_images()) == EXPECTED


def test_a_thing_that_is_no_crowd_is_matched():
    image = two_images()[0]
    image.gt_segments.is_thing[2] = True
    # cell 17/24 with RQ 1; fibre 2/2
    assert evaluated([image])["PQ_Th"] == 85.42  # (17/24 + 1) / 2


def test_stuff_alone_is_not_split():
    image = sample([[0, 1, 1]], [[1, 2, 2]], labels=[0, 1], is_thing=[False, False])
    found = evaluated([image], meta={"classes": ("sky", "road")})
    assert found == {"PQ": 100.0, "SQ": 100.0, "RQ": 100.0}


@pytest.mark.parametrize(
    ("numbers", "predicted", "lines"),
    [([[1, 1, 1]], VOID, 1), ([[0, 0, 0]], VOID, 0), ([[1, 1, 0]], GROUND, 0)],
    ids=["nothing found", "nothing there", "a wrong one"],
)
def test_a_warning_where_nothing_was_found(monkeypatch, numbers, predicted, lines):
    said = []
    place = "mmseg_maskformer.metrics.panoptic_quality.print_log"
    monkeypatch.setattr(place, lambda *given, **_: said.append(given))
    labels = [0] if numbers[0][0] else []
    image = sample([[predicted] * 3], numbers, labels, is_thing=[True] * len(labels))
    assert not np.nansum(list(evaluated(2 * [image]).values()))
    found = [given for given in said if "No segment was found" in given[0]]
    assert [level for _, _, level in found] == lines * [logging.WARNING]


CASES = ["crowd", "dropped", "perfect", "relabelled", "shifted"]


def dataset(root, ann_file):
    """COCO's sample images with their truth."""
    config = dict(
        type="mmseg_maskformer.CocoPanopticDataset",
        data_root=str(root),
        ann_file=str(ann_file),
        data_prefix=dict(img="images", seg="panoptic"),
        pipeline=[
            dict(type="mmseg_maskformer.LoadPanopticMap"),
            dict(type="mmseg_maskformer.PackPanopticInputs"),
        ],
    )
    with DefaultScope.overwrite_default_scope("mmdet"):
        return DATASETS.build(config)


def in_encoding(folder, annotation, categories):
    """A COCO prediction as mmdet writes it: (1, H, W) class + 1000 * object."""
    with Image.open(folder / annotation["file_name"]) as image:
        colours = np.asarray(image.convert("RGB")).astype(np.int64)
    ids = colours @ np.array([1, 256, 65536])
    encoded = np.full(ids.shape, len(categories))
    classes = {x["id"]: (place, x["isthing"]) for place, x in enumerate(categories)}
    for number, segment in enumerate(annotation["segments_info"], start=1):
        label, is_thing = classes[segment["category_id"]]
        encoded[ids == segment["id"]] = label + 1000 * number * is_thing
    return torch.from_numpy(encoded)[None]


@pytest.fixture(scope="module", params=CASES)
def official(request, golden, shared_data, tmp_path_factory):
    """Our metric after a case, the categories, and the official evaluator's results."""
    root = shared_data / "coco_panoptic_sample"
    case = golden / "panoptic_quality" / request.param
    content = json.loads((root / "panoptic.json").read_text())
    if (case / "gt.json").exists():  # other annotations
        content |= json.loads((case / "gt.json").read_text())
    path = tmp_path_factory.mktemp("case") / "panoptic.json"
    path.write_text(json.dumps(content))
    truth = dataset(root, path)
    categories = json.loads((root / "categories.json").read_text())
    predicted = json.loads((case / "pred.json").read_text())["annotations"]
    predicted = {x["image_id"]: x for x in predicted}
    found = evaluator(truth.metainfo)
    for item in truth:
        image = item["data_samples"]
        encoded = in_encoding(case / "pred", predicted[image.img_id], categories)
        image.pred_panoptic_seg = PixelData(sem_seg=encoded)
        found.process([image])
    assert len(found.metrics[0].results) == 2
    return found, categories, json.loads((case / "official.json").read_text())


def test_counts_equal_the_official_ones(official):
    found, categories, expected = official
    rows = zip(*add_counts(found.metrics[0].results), strict=True)
    ours = {categories[row[0]]["id"]: row[1:] for row in rows if any(row[1:])}
    wanted = {int(c): row for c, row in expected["counts"].items() if any(row.values())}
    assert set(ours) == set(wanted)
    for category, (iou, *numbers) in ours.items():
        line = wanted[category]
        assert numbers == [line["tp"], line["fp"], line["fn"]], category
        assert iou == pytest.approx(line["iou"], abs=1e-9), category


def test_means_equal_the_official_ones(official):
    evaluator, _, expected = official
    found = evaluator.metrics[0].compute_metrics(evaluator.metrics[0].results)
    for group, suffix in (("All", ""), ("Things", "_Th"), ("Stuff", "_St")):
        for name in ("PQ", "SQ", "RQ"):
            wanted = round(100 * expected[group][name.lower()], 2)
            assert found[name + suffix] == wanted, name + suffix


def stripes(number):
    """Images of cells, fibres and ground, predicted a few pixels off."""
    generator = np.random.default_rng(0)
    images = []
    for _ in range(number):
        labels = np.append(generator.integers(0, 2, 3), 2)
        numbers = np.repeat([1, 2, 3, 4], 8)[None].repeat(5, axis=0)
        encoded = np.where(numbers == 4, GROUND, labels[numbers - 1] + 1000 * numbers)
        places = np.arange(32) - generator.integers(0, 6, (5, 1))
        shifted = encoded[np.arange(5)[:, None], places]
        images.append(sample(shifted, numbers, labels.tolist(), (labels < 2).tolist()))
    return images


def work(rank, folder, world_size):
    """Evaluate every world_size-th image; the first come again where one is lacking."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world_size))
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=world_size,
        timeout=datetime.timedelta(seconds=120),
    )
    images = stripes(5)
    images += images[: -5 % world_size]
    found = evaluator()
    found.process(images[rank::world_size])
    found.metrics[0].collect_dir = f"{folder}/results"
    results = found.evaluate(5)
    Path(folder, f"rank{rank}.json").write_text(json.dumps(results))
    dist.barrier()  # none leaves while another still reads
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_agree_with_one(tmp_path):
    world_size = 3  # which does not divide five images
    wanted = evaluated(stripes(5))
    assert 0 < wanted["PQ_Th"] < wanted["SQ_Th"] < 100
    mp.spawn(work, (str(tmp_path), world_size), nprocs=world_size)
    for rank in range(world_size):
        found = json.loads((tmp_path / f"rank{rank}.json").read_text())
        assert found == wanted, rank


def test_sample_without_truth_is_refused():
    image = two_images()[0]
    del image.gt_segment_map
    with pytest.raises(
        KeyError, match=r"needs gt_segment_map .* a\.jpg .*PackPanoptic"
    ):
        evaluated([image])


def test_sample_without_panoptic_result_is_refused():
    image = two_images()[0]
    del image.pred_panoptic_seg
    with pytest.raises(KeyError, match=r"needs pred_panoptic_seg .* a\.jpg .*_on"):
        evaluated([image])


@pytest.mark.parametrize("value", [4, 1999, -999])
def test_classes_that_the_data_set_lacks_are_refused(value):
    image = sample([[value, 0]], [[1, 1]], labels=[0], is_thing=[True])
    with pytest.raises(ValueError, match=rf"for a\.jpg has the value.s. {value},"):
        evaluated([image])


def test_results_of_another_size_are_refused():
    image = sample([[0]], [[1, 1]], labels=[0], is_thing=[True])
    message = r"prediction for a\.jpg, \(1, 1\), .* truth of a\.jpg, \(1, 2\)\. Load"
    with pytest.raises(ValueError, match=message):
        evaluated([image])
