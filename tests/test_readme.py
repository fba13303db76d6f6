"""The config of the README trains on a folder laid out as it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

CHECKOUT = Path(__file__).resolve().parent.parent


def test_config_of_the_readme_reads_a_folder(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.S)
    path = tmp_path / "my_config.py"
    path.write_text(code[1].replace('"configs/', f'"{CHECKOUT}/configs/'))
    for split in ("train", "val"):
        for kind, suffix in (("images", "jpg"), ("annotations", "png")):
            folder = tmp_path / "data/mine" / kind / split
            folder.mkdir(parents=True)
            pixels = np.full((60, 80), 2, np.uint8)
            Image.fromarray(pixels).save(folder / f"one.{suffix}")
    monkeypatch.chdir(tmp_path)
    init_default_scope("mmseg")
    config = Config.fromfile(path)
    assert config.model.decode_head.num_classes == 3
    for loader in (config.train_dataloader, config.val_dataloader):
        dataset = DATASETS.build(loader.dataset)
        assert dataset.metainfo["classes"] == ("road", "building", "tree")
        labels = dataset[0]["data_samples"].gt_sem_seg.data.unique().tolist()
        # the training crop is padded with 255 where the image is smaller
        assert set(labels) - {255} == {2}
