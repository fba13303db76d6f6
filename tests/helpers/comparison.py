"""A comparison of two small models."""

from __future__ import annotations

import dataclasses

from comparison.plan import Options
from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "tools/compare.py"
DEMO = str(REPOSITORY / "configs/demo/maskformer_tiny_scenes.py")
UPERNET = str(REPOSITORY / "configs/peers/mmseg-upernet_tiny_scenes.py")
SMALL = {
    "train_dataloader.dataset.scene.size": (64, 64),
    "val_dataloader.dataset.scene.size": (64, 64),
    "val_dataloader.dataset.num_images": 6,
    "val_dataloader.num_workers": 0,
    "val_dataloader.persistent_workers": False,
}


def comparison_options(out, **changes):
    given = Options((DEMO, UPERNET), out, SCRIPT, overrides=SMALL)
    return dataclasses.replace(given, **changes)
