"""Scripts that name classes refuse weights that were trained with another order."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.datasets.camvid import CamVidDataset
from mmseg_maskformer.datasets.scenes.classes import class_names
from tests.conftest import REPOSITORY
from tests.helpers.inference import SCENES, write_images, write_weights
from tests.scripts import run_script

CAMVID = REPOSITORY / "configs/maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"


def refused(monkeypatch, folder, script, config, classes, *options):
    """Run a script with weights whose first two classes have changed places."""
    path = write_weights(folder, config)
    first, second, *others = classes
    meta = dict(dataset_meta=dict(classes=[second, first, *others]))
    torch.save(torch.load(path) | dict(meta=meta), path)
    text = rf"'{second}' is number 0 in the checkpoint and 1 in .*\.py: "
    with pytest.raises((ValueError, SystemExit), match=text):
        run_script(monkeypatch, script, config, path, "--out", folder / "o", *options)


@pytest.mark.parametrize("script", ["prediction_sheet.py", "queries.py"])
def test_pictures_of_another_order_are_refused(script, tmp_path, monkeypatch):
    refused(monkeypatch, tmp_path, f"analysis/{script}", SCENES, class_names(6, 6))


def test_exports_of_another_order_are_refused(tmp_path, monkeypatch):
    runtimes = "mmseg_maskformer.export.runtimes"
    monkeypatch.setattr(f"{runtimes}.runtime_version", str)  # it may be absent
    images = ("--images", *write_images(tmp_path / "images"))
    classes = CamVidDataset.METAINFO["classes"]
    refused(monkeypatch, tmp_path, "export.py", CAMVID, classes, *images)
