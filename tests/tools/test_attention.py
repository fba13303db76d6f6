"""The tool that shows what queries attend to, end to end with drawn weights."""

from __future__ import annotations

import csv

import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import run_script
from tests.tools.test_queries import few_scenes

LEAF = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes.py"


def test_shares_and_pictures_of_two_models(monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
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
