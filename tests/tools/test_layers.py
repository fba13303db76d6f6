"""The tool that evaluates every layer in one pass, against an evaluation of each."""

from __future__ import annotations

import csv
import runpy

import pytest
from mmengine.config import Config
from PIL import Image

from mmseg_maskformer.engine.runners import evaluating_runner
from query_lib.layers import score_layers
from tests.conftest import REPOSITORY
from tests.helpers.scenes import few_scenes
from tests.scripts import run_script

FOLDER = REPOSITORY / "configs/mask2former"
ANYTHING = dict(object_mask_thr=0.0, iou_thr=0.0)  # of weights as they are drawn
WINDOWS = dict(mode="slide", crop_size=(64, 64), stride=(32, 32))
LOADER = "test_dataloader"
FEW = {f"{LOADER}.num_workers": 0, f"{LOADER}.persistent_workers": False}


@pytest.mark.parametrize(
    ("leaf", "test_cfg", "size"),
    [
        pytest.param(
            "mask2former_tiny_scenes-panoptic",
            ANYTHING,
            (64, 64),
            marks=pytest.mark.mmdet,
        ),
        ("mask2former_tiny_scenes", WINDOWS, (64, 96)),
    ],
)
def test_layers_score_what_each_scores_alone(tmp_path, leaf, test_cfg, size):
    file, weights = few_scenes(FOLDER / f"{leaf}.py", tmp_path, test_cfg=test_cfg)
    config = Config.fromfile(file)
    few = {"dataset.num_images": 3, "dataset.scene.size": size, "batch_size": 2}
    config.merge_from_dict(FEW | {f"{LOADER}.{key}": x for key, x in few.items()})
    config.work_dir = str(tmp_path / "work")
    runner = evaluating_runner(config, str(weights))
    passes = []
    network = runner.model.decode_head.network
    network.register_forward_hook(lambda *_: passes.append(1))
    rows = score_layers(runner)
    for_all = len(passes)
    assert [row["decoder_layers"] for row in rows] == [0, 1, 2, 3]
    whole = test_cfg is ANYTHING  # windows have no proposals of an image
    assert all(("AR@100" in row) is whole for row in rows)
    scores = set()
    for layer, row in enumerate(rows):
        runner.model.test_cfg = dict(runner.model.test_cfg, layer=layer)
        passes.clear()
        alone = runner.test()
        assert len(passes) == for_all
        assert {key: row[key] for key in alone} == alone
        scores.add(tuple(alone.values()))
    assert len(scores) == 4  # layers differ


@pytest.mark.slow
def test_table_and_pictures(monkeypatch, tmp_path, capsys):
    command = few_scenes(FOLDER / "mask2former_tiny_scenes.py", tmp_path)
    out = ("--out", tmp_path / "out", "--work-dir", tmp_path / "work", "--width", 64)
    options = [f"{key}={value}" for key, value in FEW.items()]
    few = (*out, "--num", 1, "--cfg-options", f"{LOADER}.dataset.num_images=1")
    run_script(monkeypatch, "analysis/layers.py", *command, *few, *options)
    with (tmp_path / "out/layers.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    printed = capsys.readouterr().out
    assert "| layer | decoder layers | mIoU | AR@100 |" in printed
    last = [rows[3][key] for key in ("layer", "decoder_layers", "mIoU", "AR@100")]
    assert f"| {' | '.join(last)} |" in printed
    with Image.open(tmp_path / "out/proposals.png") as picture:
        assert picture.size == (5 * 68 - 4, 2 * (64 + 14 + 4) - 4)


def test_a_layer_may_lack_a_score_that_others_have(tmp_path, capsys):
    """As the host's AP, where the layer detects nothing."""
    tool = runpy.run_path(str(REPOSITORY / "tools/analysis/layers.py"))
    rows = [dict(layer=0, decoder_layers=0), dict(layer=1, decoder_layers=1)]
    rows[1]["coco/segm_mAP"] = 0.5
    tool["print_table"](rows)
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| 0 | 0 | - |",
        "| 1 | 1 | 0.5 |",
    ]
    tool["save_chart"](rows, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (260, 240)  # one panel
