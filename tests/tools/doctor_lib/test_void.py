"""The doctor takes those values for void that are void in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from doctor_lib.class_counts import labels
from doctor_lib.label_checks import values
from doctor_lib.report import report
from doctor_lib.scan import look_at_all
from doctor_lib.sources import of_config
from mmseg_maskformer.core.targets import semantic_targets
from mmseg_maskformer.datasets.ade20k_full import ADE20KFullDataset
from mmseg_maskformer.datasets.camvid import CamVidDataset
from mmseg_maskformer.datasets.mapillary import MapillaryVistasDataset

FIVE = dict(type="LabelMapDataset", metainfo=dict(classes=tuple("abcde")))


def two_of(dataset):
    """The third class and the first of a data set that has others, too."""
    classes = dataset.METAINFO["classes"]
    chosen = dict(classes=(classes[2], classes[0]))
    return dict(type=dataset.__name__, metainfo=chosen)


def looked_at(folder, row, bits, **settings):
    """Source and facts of a config with an image, both rows of whose labels are so."""
    maps = np.array([row, row], dtype=f"uint{bits}")
    Image.fromarray(maps).save(folder / "a.png")
    Image.new("RGB", maps.shape[::-1]).save(folder / "a.jpg")
    settings = dict(
        settings,
        type=f"mmseg_maskformer.{settings['type']}",
        data_root=str(folder),
        seg_map_suffix=".png",
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="mmseg_maskformer.LoadLabelMap"),
        ],
    )
    path = folder / "mine.py"
    path.write_text(f"train_dataloader = dict(dataset={settings!r})\n")
    source = of_config(path, {})
    return source, look_at_all(source.items, workers=1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("settings", "row"),
    [
        (dict(type="MapillaryVistasDataset"), [0, 13, 64, 65]),
        (two_of(MapillaryVistasDataset), [0, 2, 64, 65]),
        (two_of(ADE20KFullDataset), [0, 2, 100, 255]),
        (dict(two_of(CamVidDataset), ignore_index=20), [0, 2, 10, 20, 255]),
        (dict(FIVE, ignore_index=7), [0, 1, 4, 7, 255]),
        (dict(FIVE, ignore_index=7, reduce_zero_label=True), [0, 1, 5, 8]),
    ],
)
def test_pixels_of_classes_are_those_of_training(settings, row, bits, tmp_path):
    row = row if bits == 8 else [*row, 65535]
    source, (facts,) = looked_at(tmp_path, row, bits, **settings)
    dataset = source.datasets["train"]
    loaded = torch.from_numpy(dataset[0]["gt_seg_map"].astype(np.int64))
    number = len(dataset.metainfo["classes"])
    (targets,) = semantic_targets(loaded[None], number, dataset.ignore_index)
    pixels = targets.masks(torch.arange(len(targets))).sum(dim=(1, 2))
    wanted = dict(zip(targets.labels.tolist(), pixels.tolist(), strict=True))
    assert labels(facts, source) == wanted
    share = 100 * (1 - sum(wanted.values()) / loaded.numel())
    assert f"; void on {share:.1f} % of pixels." in report(source, [facts], [], [])


def test_values_that_are_no_class_are_told_with_the_void_of_the_data_set(tmp_path):
    source, facts = looked_at(tmp_path, [0, 6, 7], 8, **FIVE, ignore_index=7)
    (found,) = values(source, facts)
    assert found.text == (
        "1 label map(s) have values that are none of the 5 classes: 6."
    )
    assert found.remedy.startswith("Write 7 where a pixel is void; otherwise name all")
