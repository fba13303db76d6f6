"""The tool that shows what queries attend to, end to end with drawn weights."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest
from mmengine.config import Config, ConfigDict
from PIL import Image

from tests.conftest import REPOSITORY
from tests.helpers.scenes import few_scenes
from tests.scripts import run_script

LEAF = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes.py"


def test_shares_and_pictures_of_two_models(monkeypatch, tmp_path, capsys):
    plain = dict(network=dict(transformer_decoder=dict(attention="plain")))
    models = []
    for name, head in dict(masked={}, plain=plain).items():
        (tmp_path / name).mkdir()
        models.append(few_scenes(LEAF, tmp_path / name, decode_head=head))
    command = (*models[0], "--out", tmp_path, "--width", 64, "--num", 1)
    few = ("--images", 2, "--against", *models[1])
    run_script(monkeypatch, "analysis/attention.py", *command, *few)
    with (tmp_path / "attention.csv").open() as file:
        rows = list(csv.DictReader(file))
    named = ["1", "2", "3", "all", "area of the segment"]
    assert [row["layer"] for row in rows] == named
    for column in ("share", "against"):
        *layers, mean, area = (float(row[column]) for row in rows)
        assert mean == pytest.approx(sum(layers) / 3, abs=0.01)
        assert 0 < area < 100
        # weights as they are drawn know no segment
        assert mean == pytest.approx(area, abs=10)
    assert rows[3]["share"] != rows[3]["against"]
    assert " matched queries: " in capsys.readouterr().out
    with Image.open(tmp_path / "attention.png") as picture:
        assert picture.size == (4 * 68 - 4, 2 * (64 + 14 + 4) - 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(num_images=5), r"evaluates 6 images, the second 5\. Give both the same"),
        (dict(scene=dict(size=(64, 96))), "evaluate different images.*one test scale"),
    ],
)
def test_other_images_are_a_sentence(monkeypatch, tmp_path, change, message):
    models = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        models.append(few_scenes(LEAF, tmp_path / name))
    config = Config.fromfile(models[1][0])
    config.val_dataloader.dataset.update(ConfigDict(change))
    config.dump(models[1][0])
    asked = (*models[0], "--out", tmp_path, "--against", *models[1])
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, "analysis/attention.py", *asked)


def test_table_of_two_models_that_differ_in_depth():
    """Of two layers and three queries, the last of stuff, against one layer."""
    folder = str(REPOSITORY / "tools/analysis")
    sys.path.insert(0, folder)
    try:
        from attention import Shares, table
    finally:
        sys.path.remove(folder)
    labels = np.array([0, 1, 2])
    first = np.array([[0.1, 0.2, 0.6], [0.3, 0.4, 0.8]])
    one = Shares(first, np.array([0.1, 0.1, 0.7]), labels)
    other = Shares(first[:1], np.array([0.2, 0.2, 0.2]), labels)
    assert table(dict(share=one, against=other), num_things=2) == [
        dict(layer=1, share=30.0, against=30.0),
        dict(layer=2, share=50.0, against=""),
        dict(layer="all", share=40.0, against=30.0),
        {"layer": "area of the segment", "share": 30.0, "against": 20.0},
        {"layer": "all, of things", "share": 25.0, "against": 15.0},
        {"layer": "area of the thing", "share": 10.0, "against": 20.0},
    ]
    assert len(table(dict(share=one), num_things=0)) == 4
