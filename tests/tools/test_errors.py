"""The tool that shows what a model gets wrong, on weights as they are drawn."""

from __future__ import annotations

import csv
import sys

import pytest
from PIL import Image

from mmseg_maskformer.engine import runners
from tests.conftest import REPOSITORY
from tests.helpers.scenes import few_scenes
from tests.scripts import run_script

CONFIG = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes.py"


def test_objects_alone_are_refused(monkeypatch, tmp_path):
    name = "mask2former/mask2former_r18_1xb4-5k_dsb2018-instance.py"
    asked = (REPOSITORY / "configs" / name, "none.pth", "--out", tmp_path)
    with pytest.raises(SystemExit, match=r"instance\.py has num_stuff_classes=0, ins"):
        run_script(monkeypatch, "analysis/errors.py", *asked)


@pytest.mark.parametrize(
    ("name", "void"),
    [
        ("studies/scenes/maskformer_tiny_scenes-847.py", 65535),
        ("demo/maskformer_tiny_scenes.py", 255),
    ],
)
def test_void_is_that_of_the_head(monkeypatch, tmp_path, name, void):
    def stop(config, checkpoint):
        (metric,) = config.test_evaluator
        sys.exit(f"void is {metric['ignore_index']}")

    monkeypatch.setattr(runners, "evaluating_runner", stop)
    asked = (REPOSITORY / "configs" / name, "none.pth", "--out", tmp_path)
    with pytest.raises(SystemExit, match=f"^void is {void}$"):
        run_script(monkeypatch, "analysis/errors.py", *asked)


@pytest.mark.slow
def test_tables_and_pictures(monkeypatch, tmp_path, capsys):
    command = few_scenes(CONFIG, tmp_path)
    out = tmp_path / "out"
    loader = "val_dataloader"
    options = [f"{loader}.dataset.num_images=3", f"{loader}.batch_size=1"]
    options += [f"{loader}.num_workers=0", f"{loader}.persistent_workers=False"]
    rest = ("--out", out, "--num", 2, "--width", 64, "--work-dir", tmp_path / "work")
    run_script(
        monkeypatch, "analysis/errors.py", *command, *rest, "--cfg-options", *options
    )
    with (out / "images.csv").open() as file:
        images = list(csv.DictReader(file))
    assert sorted(int(x["place"]) for x in images) == [0, 1, 2]
    with (out / "errors.csv").open() as file:
        errors = list(csv.DictReader(file))
    found = sum(int(row["true"]) + int(row["predicted"]) for row in errors)
    assert found == sum(int(x["errors"]) for x in images) > 0
    printed = capsys.readouterr().out
    missed = sum(int(row["true"]) for row in errors if row["kind"] == "missed")
    (line,) = (x for x in printed.splitlines() if x.startswith("| missed |"))
    assert sum(int(x) for x in line.split()[3::4] if x.isdigit()) == missed
    # three tiles of 64 pixels with gaps of 4, and two rows
    assert Image.open(out / "worst.png").width == 3 * 64 + 2 * 4
