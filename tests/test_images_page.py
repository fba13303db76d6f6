"""The config of docs/images.md is trained and evaluated as the page says."""

from __future__ import annotations

import re

import numpy as np
import tifffile
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from tests.conftest import REPOSITORY


def write_folder(folder, rng):
    for split in ("train", "val"):
        for kind in ("images", "annotations"):
            (folder / kind / split).mkdir(parents=True)
        pixels = rng.integers(0, 1 << 16, (4, 64, 96), dtype=np.uint16)
        path = folder / "images" / split / "one.tif"
        planes = dict(photometric="minisblack", planarconfig="separate")
        tifffile.imwrite(path, pixels, **planes)
        labels = Image.fromarray(rng.integers(0, 3, (64, 96), dtype=np.uint8))
        labels.save(folder / "annotations" / split / "one.png")
    return pixels


def test_the_config_of_the_page_trains_and_evaluates(tmp_path, monkeypatch):
    page = (REPOSITORY / "docs/images.md").read_text()
    code = re.search(r"```python\n(_base_.*?)```", page, re.S)
    path = tmp_path / "my_config.py"
    path.write_text(code[1].replace('"configs/', f'"{REPOSITORY}/configs/'))
    pixels = write_folder(tmp_path / "data/mine", np.random.default_rng(0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Config, "pretty_text", "")  # its formatting takes seconds
    config = Config.fromfile(path)
    config.train_cfg.update(max_iters=2, val_interval=2)
    config.param_scheduler[0].end = 3
    config.train_dataloader.update(
        batch_size=1, num_workers=0, persistent_workers=False
    )
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.work_dir = str(tmp_path / "work")
    runner = Runner.from_cfg(config)
    model = runner.train()
    assert model.backbone.conv1.in_channels == 4
    sample = runner.val_dataloader.dataset[0]
    assert np.array_equal(sample["inputs"].numpy(), pixels >> 8)
    assert (tmp_path / "work/iter_2.pth").exists()
