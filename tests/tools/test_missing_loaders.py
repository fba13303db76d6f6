"""Tools that look at images of a config without them."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from tests.conftest import REPOSITORY
from tests.scripts import run_script

CONFIG = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes.py"


@pytest.mark.parametrize(
    ("tool", "split"),
    [
        ("attention", "val"),
        ("errors", "val"),
        ("layers", "test"),
        ("queries", "val"),
        ("speed", "val"),
    ],
)
def test_a_config_without_its_images_is_a_sentence(tool, split, monkeypatch, tmp_path):
    config = Config.fromfile(CONFIG)
    for key in ("dataloader", "evaluator", "cfg"):
        config[f"{split}_{key}"] = None
    config.dump(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    message = rf"mine\.py has no {split}_dataloader, whose im.*write {split}_.* = [tv]"
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, f"analysis/{tool}.py", "mine.py", "none.pth")
