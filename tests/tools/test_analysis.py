"""Tools that measure a model: calibration and memory, tiny."""

from __future__ import annotations

import json
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import run_script, run_tool

LEAF = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


@pytest.mark.parametrize(
    "leaf",
    [
        "maskformer_tiny_scenes",
        pytest.param("maskformer_tiny_scenes-panoptic", marks=pytest.mark.mmdet),
    ],
)
def test_calibration_of_scenes(monkeypatch, tmp_path, capsys, leaf):
    path = LEAF.with_name(f"{leaf}.py")
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    weights, picture = tmp_path / "weights.pth", tmp_path / "reliability.png"
    torch.save(dict(state_dict=model.state_dict()), weights)
    command = (path, weights, "--out", picture, "--work-dir", tmp_path / "work")
    options = ["val_dataloader.dataset.num_images=2", "val_dataloader.batch_size=2"]
    run_script(
        monkeypatch, "analysis/calibration.py", *command, "--cfg-options", *options
    )
    # where a training may have written the config of that name
    assert [x.stem for x in (tmp_path / "work").glob("*.py")] == [f"{leaf}-test"]
    printed = capsys.readouterr().out
    found = {
        name: float(value)
        for name, value in re.findall(r"^(\w+) ([\d.]+)(?: %)?$", printed, re.M)
    }
    error, confidence, right = (
        found[name] for name in ("ECE", "mean_confidence", "right_pixels")
    )
    # an untrained model is not sure of one of 12 classes, 1/12 = 8.3 %; by the triangle
    # inequality the error is no less than the distance of the means
    assert 8.3 < confidence < 50
    assert error >= abs(confidence - right) - 0.01  # two decimals
    # the mean of all pixels is that of the right ones and the wrong ones
    parts = found["confidence_right"] * right, found["confidence_wrong"] * (100 - right)
    assert sum(parts) == pytest.approx(confidence, abs=0.1)
    assert 0.083 <= found["confidence_low"] < found["confidence_high"] < 0.9
    assert 0 < found["entropy_low"] < found["entropy_high"] <= 1
    with Image.open(picture) as opened:
        assert opened.size == (900, 360)


@pytest.mark.slow
def test_memory_of_a_prediction():
    # a process of its own has no memory left over from other tests
    windows = [f"model.test_cfg.{x}" for x in ("mode=slide", "crop_size=(512, 512)")]
    command = (LEAF, "--size", 2048, "--cfg-options", *windows)
    options = ("model.test_cfg.stride=(384, 384)", "model.decode_head.num_classes=100")
    process = run_tool("tools/analysis/prediction_memory.py", *command, *options)
    pattern = r"2048x2048: ([\d,]+) MiB, \d+ s, \d+ CPU s, \d+ thread"
    (found,) = re.findall(pattern, process.stdout)
    # not less than the float image, 48 MiB, and its labels, 32 MiB; scores of 100
    # classes at every pixel would be 1,600 MiB
    assert 80 <= int(found.replace(",", "")) < 800


@pytest.mark.mmdet
def test_memory_of_a_training_step(monkeypatch, tmp_path, capsys):
    """Of a small image little more than gradients of R50's 43,983,878 parameters."""
    report = tmp_path / "memory.json"
    options = "model.decode_head.criterion.masks.num_points=50"
    given = ("segments", 3, "--size", 64, "--batch", 1, "--json", report)
    tool = "analysis/training_memory.py"
    run_script(monkeypatch, tool, *given, "--cfg-options", options)
    ((name, peaks),) = json.loads(report.read_text())["peak_mib"].items()
    gradients = 43_983_878 * 4 / 2**20  # MiB
    assert gradients <= peaks["3"] < 1.1 * gradients
    assert f"| {name} | {peaks['3']:,.0f} |" in capsys.readouterr().out


HEADER = "method,seeds,miou,miou_std,pq_st,pq_st_std"


def comparison(path, *rows):
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_scores_by_classes(monkeypatch, tmp_path, capsys):
    few = comparison(
        tmp_path / "few.csv", "Baseline,2,60.0,1.5,40.0,0.25", "Masks,1,61.125,0.0,45,0"
    )
    many = comparison(  # one method has failed, and one is here alone
        tmp_path / "many.csv", "Baseline,1,12,0,6,0", "Masks,0,,,,", "Other,1,9,0,3,0"
    )
    picture = tmp_path / "scores.png"
    tool = "analysis/scores_by_classes.py"
    plots = ("--plot", picture, "--gain", tmp_path / "gain.png")
    run_script(monkeypatch, tool, f"847={many}", f"20={few}", *plots)
    table = """|  | mIoU, K = 20 | mIoU, K = 847 | PQ-St, K = 20 | PQ-St, K = 847 |
| --- | --: | --: | --: | --: |
| Baseline | 60.00 ± 1.50 | 12.00 | 40.00 ± 0.25 | 6.00 |
| Masks | 61.12 | - | 45.00 | - |
| Other | - | 9.00 | - | 3.00 |
| Masks - Baseline | +1.12 | - | +5.00 | - |
| Other - Baseline | - | -3.00 | - | -3.00 |
"""
    assert capsys.readouterr().out == table
    with Image.open(picture) as scores, Image.open(tmp_path / "gain.png") as gain:
        assert scores.size == gain.size == (1080, 408)
        assert scores.tobytes() != gain.tobytes()


def test_gains_over_the_first_method(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools/analysis"))
    from scores_by_classes import gains

    from comparison.table import Spread

    few = {"Baseline": Spread(60.0, 3.0, 2), "Masks": Spread(61.5, 4.0, 2)}
    many = {"Masks": Spread(20.0, 0.0, 1), "Other": Spread(19.0, 0.0, 1)}
    expected = {"Masks": Spread(1.5, 5.0, 2)}  # sqrt(3 ** 2 + 4 ** 2)
    assert gains({3: few, 55: many}) == {3: expected, 55: {}}


@pytest.mark.parametrize(
    ("rows", "times", "message"),
    [
        (["Masks,1,9,0,3,0"], 2, r"20=.*is the second table for 20 classes"),
        (["Masks,0,,,,"], 1, r"a\.csv has no scores"),
        (["Masks,1,9,0,3,0"] * 2, 1, r"a\.csv has .* two configs of one method"),
    ],
)
def test_tables_that_say_nothing_clear(monkeypatch, tmp_path, rows, times, message):
    tables = [f"20={comparison(tmp_path / 'a.csv', *rows)}"] * times
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, "analysis/scores_by_classes.py", *tables)


@pytest.mark.parametrize("argument", ["comparison.csv", "20=none.csv"])
def test_tables_without_classes_or_file_are_named(monkeypatch, argument):
    with pytest.raises(SystemExit, match=f"^{argument} is no number of classes with"):
        run_script(monkeypatch, "analysis/scores_by_classes.py", argument)


@pytest.mark.parametrize(
    ("given", "left_out", "counted"), [(7, 5, 2), (3, 0, 3), (0, 0, 0)]
)
def test_speed_over_validation_images(
    monkeypatch, tmp_path, capsys, given, left_out, counted
):
    config = Config.fromfile(LEAF)
    init_default_scope("mmseg")
    weights = tmp_path / "weights.pth"
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), weights)
    command = ("analysis/speed.py", LEAF, weights, "--cfg-options")
    settings = ("num_workers=0", "persistent_workers=False")
    settings += (f"dataset.num_images={given or 1}",)
    options = [f"val_dataloader.{x}" for x in settings]
    if not given:
        monkeypatch.setattr(Runner, "build_dataloader", lambda *_: [])
        with pytest.raises(SystemExit, match="val_dataloader of .* gives no image"):
            run_script(monkeypatch, *command, *options)
        return
    run_script(monkeypatch, *command, *options)
    printed = capsys.readouterr().out
    said = rf"^[\d.]+ images/s: {counted} images in .*, after {left_out} that do not c"
    assert re.search(said, printed, re.M)


@pytest.mark.parametrize("tool", ["errors", "layers", "thresholds", "../demo"])
def test_what_runs_in_one_process_has_no_launcher(monkeypatch, capsys, tool):
    given = ("--launcher", "pytorch")
    files = () if "demo" in tool else (LEAF, "none.pth")
    with pytest.raises(SystemExit):
        run_script(monkeypatch, f"analysis/{tool}.py", *files, *given)
    assert f"unrecognized arguments: {' '.join(given)}" in capsys.readouterr().err
