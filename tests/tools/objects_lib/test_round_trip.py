"""Nuclei as id maps become again what they were, and data sets read it so."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)
from mmseg_maskformer.datasets.coco.segments import segment_ids
from tests.conftest import REPOSITORY
from tests.scripts import run_script
from tests.tools.objects_lib.files import content, write_map

NUCLEUS = 1
EVERY = 24  # of the images
PIPELINE = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="mmseg_maskformer.LoadPanopticMap"),
    dict(type="mmseg_maskformer.PackPanopticInputs"),
]
INSTANCE_PIPELINE = [
    dict(type="mmseg_maskformer.LoadImage"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs"),
]


@pytest.fixture(scope="module")
def nuclei(shared_data, tmp_path_factory):
    """Some images with id maps, converted: the folder, its config and the original."""
    root = tmp_path_factory.mktemp("nuclei")
    original = {
        (split, row["file_name"]): render(shared_data / "dsb2018", root, split, row)
        for split in ("train", "val")
        for row in read(shared_data, "panoptic", split)["annotations"][::EVERY]
    }
    options = ("--things", "nucleus", "--background", "background")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as text:
        run_script(patch, "dataset_converters/to_panoptic.py", root, *options)
    code = text.getvalue().split("A config:")[1]
    path = root / "my_config.py"
    path.write_text(code.replace("configs/", f"{REPOSITORY}/configs/"))
    return root, path, original


def read(shared_data, kind, split):
    return json.loads((shared_data / f"dsb2018/{kind}_{split}.json").read_text())


def render(source, root, split, row):
    """Write the nuclei of an image as id map: its id, its map of ids, its segments."""
    name = row["file_name"]
    ids = segment_ids(np.asarray(Image.open(source / f"panoptic_{split}" / name)))
    inside = np.isin(ids, things_of(row["segments_info"]))
    stem = f"{split}/{name[:-4]}"
    write_map(root / f"id_maps/{stem}.tif", ids * inside, "uint16")
    (root / f"images/{split}").mkdir(parents=True, exist_ok=True)
    (root / f"images/{stem}.jpg").symlink_to(source / f"images/{stem}.jpg")
    return row["image_id"], ids, row["segments_info"]


def things_of(segments):
    """Ids of the nuclei, in their order."""
    return sorted(x["id"] for x in segments if x["category_id"] == NUCLEUS)


def values(segments):
    keys = ("category_id", "area", "bbox", "iscrowd")
    return sorted([row[key] for key in keys] for row in segments)


def test_nuclei_become_what_they_were(nuclei):
    root, _, original = nuclei
    found = {
        (split, row["file_name"]): row["segments_info"]
        for split in ("train", "val")
        for row in content(root, "panoptic", split)["annotations"]
    }
    assert len(found) == 24  # ceil(433 / 24) + ceil(105 / 24)
    assert found.keys() == original.keys()
    for (split, name), (_, ids, segments) in original.items():
        assert values(found[split, name]) == values(segments)
        colours = np.asarray(Image.open(root / f"panoptic_{split}" / name))
        assert (segment_ids(colours) == ids).all()


def test_instances_have_the_masks_they_had(nuclei, shared_data):
    root, _, original = nuclei
    for split in ("train", "val"):
        old = {row[0]: name for (x, name), row in original.items() if x == split}
        rows = read(shared_data, "instances", split)
        expected = sorted(
            (old[x["image_id"]], x["area"], x["bbox"], x["segmentation"]["counts"])
            for x in rows["annotations"]
            if x["image_id"] in old
        )
        file = content(root, "instances", split)
        new = {x["id"]: x["file_name"].replace("jpg", "png") for x in file["images"]}
        assert expected == sorted(
            (new[x["image_id"]], x["area"], x["bbox"], x["segmentation"]["counts"])
            for x in file["annotations"]
        )


@pytest.mark.mmdet
def test_the_printed_config_reads_the_maps(nuclei):
    root, path, original = nuclei
    config = Config.fromfile(path)
    assert config.val_evaluator[1].ann_file == f"{root}/instances_val.json"
    assert (config.model.num_things_classes, config.model.num_stuff_classes) == (1, 1)
    for split in ("train", "val"):
        settings = config[f"{split}_dataloader"].dataset
        panoptic = build(**dict(settings, pipeline=PIPELINE))
        instances = build(
            type="mmseg_maskformer.CocoInstanceDataset",
            data_root=str(root),
            metainfo=dict(classes=("nucleus",)),
            ann_file=f"instances_{split}.json",
            data_prefix=settings.data_prefix,
            pipeline=INSTANCE_PIPELINE,
        )
        for segments, objects in zip(panoptic, instances, strict=True):
            segments, objects = segments["data_samples"], objects["data_samples"]
            name = Path(segments.img_path).with_suffix(".png").name
            _, ids, listed = original[split, name]
            numbers = segments.gt_segment_map.data[0].numpy()
            found = np.array([0, *sorted(x["id"] for x in listed)])[numbers]
            assert np.array_equal(found, ids)
            masks = ids == np.reshape(things_of(listed), (-1, 1, 1))
            assert np.array_equal(objects.gt_instances.masks.masks, masks)


def build(**config):
    with DefaultScope.overwrite_default_scope("mmdet"):
        return DATASETS.build(config)
