"""``tools/test.py --out`` on images in folders, with labels and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmseg_maskformer.engine.models import untrained_model
from tests.conftest import REPOSITORY
from tests.scripts import run_script

BASE = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
LEAF = """
_base_ = {base!r}
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmseg_maskformer.LabelMapDataset",
        data_root={root!r},
        data_prefix=dict(img_path="images"),
        metainfo=dict(classes={classes!r}),
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="mmseg_maskformer.LoadLabelMap"),
            dict(type="PackSegInputs"),
        ],
    )
)
"""


@pytest.fixture
def command(tmp_path):
    """Config and weights for six images in two folders, three names in each."""
    config = Config.fromfile(BASE)
    number = config.model.decode_head.num_classes
    for place in range(6):
        path = tmp_path / "images" / "ab"[place % 2] / f"{place // 2}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (40 * place, 9, 9)).save(path)
    classes = tuple(f"class {i}" for i in range(number))
    leaf = LEAF.format(base=str(BASE), root=str(tmp_path), classes=classes)
    (tmp_path / "leaf.py").write_text(leaf)
    weights = untrained_model(config).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / "weights.pth")
    work_dir = ("--work-dir", tmp_path / "work")
    return (tmp_path / "leaf.py", tmp_path / "weights.pth", *work_dir)


def test_images_without_labels_are_predicted_or_refused(command, monkeypatch, tmp_path):
    out = ("--out", tmp_path / "out")
    message = r"leaf\.py has no labels, .*evaluated\. --out FOLDER --format-only"
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, "test.py", *command, *out)
    run_script(monkeypatch, "test.py", *command, *out, "--format-only")
    found = {str(x.relative_to(out[1])) for x in out[1].rglob("*.*")}
    assert found == {f"{folder}/{place}.png" for folder in "ab" for place in range(3)}
    with pytest.raises(SystemExit, match=r"0\.png is there already, .*--force"):
        run_script(monkeypatch, "test.py", *command, *out, "--format-only")
    values = np.asarray(Image.open(out[1] / "a/0.png"))
    assert (values.shape, values.dtype) == ((64, 64), np.uint8)


def test_writing_only_needs_a_folder(command, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_script(monkeypatch, "test.py", *command, "--format-only")
    assert "--format-only needs --out FOLDER" in capsys.readouterr().err
