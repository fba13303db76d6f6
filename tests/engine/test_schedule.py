"""Another number of iterations: the rate still decays to its end, or a sentence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import mmengine.optim  # noqa: F401  (fills the registry)
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

from mmseg_maskformer.engine.schedule import (
    check_resumed_length,
    enable_auto_scale_lr,
    other_epochs,
    scale_schedule,
)
from tests.conftest import REPOSITORY
from tests.scripts import run_tool

SCHEDULES = REPOSITORY / "configs/_base_/schedules"
POLY = dict(type="PolyLR", power=0.9, eta_min=1e-4, end=40000, by_epoch=False)


@pytest.fixture
def config(tmp_path):
    """Builds a config of the host's kind with some keys replaced."""
    path = tmp_path / "peer.py"
    path.touch()
    loop = dict(type="IterBasedTrainLoop", max_iters=40000, val_interval=4000)
    settings = dict(train_cfg=loop, param_scheduler=[dict(POLY, begin=0)])
    return lambda **changes: Config(dict(settings, **changes), filename=str(path))


def rates(settings, steps):
    """The learning rate of every step, of 1 without its schedule."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    built = [
        PARAM_SCHEDULERS.build(x, default_args=dict(optimizer=optimizer))
        for x in settings.param_scheduler
    ]
    found = []
    for _ in range(steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in built:
            scheduler.step()
    return found


@pytest.mark.parametrize(("name", "warm_up"), [("4k", 0), ("1500", 49)])
def test_rate_of_a_shorter_training_step_by_step(name, warm_up):
    settings = Config.fromfile(SCHEDULES / f"schedule_{name}.py")
    assert scale_schedule(settings, 200) == []
    assert settings.train_cfg.max_iters == settings.train_cfg.val_interval == 200
    found = rates(settings, 200)
    for step in (0, 10, 49, 50, 100, 199, 200):
        expected = (1 - step / 200) ** 0.9
        if step < warm_up:  # from 0.01 to 1 in 49 steps, as long as it was
            expected *= 0.01 + 0.99 * step / warm_up
        assert found[step] == pytest.approx(expected, abs=1e-9), step


def test_steps_stay_at_their_shares_of_the_training():
    settings = Config.fromfile(SCHEDULES / "schedule_50e_mask2former.py")
    assert scale_schedule(settings, 54) == []
    found = rates(settings, 54)  # a tenth from 8/9 on, a hundredth from 26/27 on
    wanted = [1.0] * 48 + [0.1] * 4 + [0.01] * 3
    assert found == pytest.approx(wanted)
    scale_schedule(settings, 1)  # no milestone at the end of the training
    assert settings.param_scheduler[0]["milestones"] == [0, 0]


def test_a_host_schedule_keeps_its_distance_to_the_end(config):
    settings = config()
    scale_schedule(settings, 100)
    assert settings.param_scheduler[0].end == 100
    assert settings.train_cfg == dict(
        type="IterBasedTrainLoop", max_iters=100, val_interval=100
    )


def test_evaluations_that_fit_stay_where_they_are(config):
    settings = config()
    scale_schedule(settings, 5000)
    assert settings.train_cfg.val_interval == 4000


def test_a_poly_after_the_warm_up_keeps_its_beginning(config):
    warm_up = dict(type="LinearLR", start_factor=1e-6, begin=0, end=1500)
    schedule = [dict(warm_up, by_epoch=False), dict(POLY, begin=1500)]
    settings = config(param_scheduler=schedule)
    scale_schedule(settings, 2000)
    assert settings.param_scheduler[0] == schedule[0]
    assert settings.param_scheduler[1] == dict(POLY, begin=1500, end=2000)
    with pytest.raises(ValueError, match=r"begins at iteration 1500, after the 1000"):
        scale_schedule(config(param_scheduler=schedule), 1000)


def test_a_warm_up_that_is_too_long_is_said():
    settings = Config.fromfile(SCHEDULES / "schedule_1500.py")
    notes = scale_schedule(settings, 20)
    assert notes == ["its warm-up of 50 iterations does not end within 20"]
    assert rates(settings, 20)[20] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("given", [None, POLY])
def test_one_scheduler_or_none_is_a_schedule_too(config, given):
    settings = config(param_scheduler=given)
    scale_schedule(settings, 70)
    expected = None if given is None else [dict(POLY, end=70)]
    assert settings.param_scheduler == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(param_scheduler=dict(type="StepLR", step_size=9, by_epoch=False)),
            r"peer\.py: --iterations needs by_epoch=False and an end .* StepLR has",
        ),
        (
            dict(param_scheduler=dict(POLY, type="CosineAnnealingLR")),
            r"knows warm-ups .* PolyLR or MultiStepLR that ends with .*max_iters=40000",
        ),
        (
            dict(param_scheduler=dict(POLY, end=20000)),
            r"max_iters=40000, but param_scheduler has .*20000.*leave --iterations out",
        ),
        (
            dict(param_scheduler=dict(type="PolyLR", end=40000)),  # of epochs
            r"needs by_epoch=False",
        ),
        (
            dict(train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=12)),
            r"changes max_iters of an IterBasedTrainLoop, but .*max_epochs': 12",
        ),
    ],
)
def test_a_schedule_that_is_not_understood_is_a_sentence(config, changes, message):
    with pytest.raises(ValueError, match=message):
        scale_schedule(config(**changes), 100)


@pytest.mark.slow
def test_training_of_another_length_by_the_command_line(tmp_path):
    leaf = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
    small = [
        *(f"{x}_dataloader.dataset.scene.size=(64, 64)" for x in ("train", "val")),
        *("val_dataloader.dataset.num_images=2", "default_hooks.logger.interval=1"),
    ]
    command = (leaf, "--iterations", 2, "--work-dir", tmp_path, "--cfg-options", *small)
    said = run_tool("tools/train.py", *command).stdout
    assert (
        "--iterations 2: its warm-up of 50 iterations does not end within 2.\n" in said
    )
    (scalars,) = tmp_path.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    # 5e-4 of 0.01, then of (1 - 1 / 2) ** 0.9 = 0.5359 and 0.01 + 0.99 / 49 = 0.0302
    assert [x["lr"] for x in lines[:2]] == pytest.approx([5e-6, 8.093e-6], rel=1e-3)
    assert len(lines) == 3  # two steps and the evaluation
    assert (tmp_path / "iter_2.pth").is_file()
    beside = tmp_path / Path(leaf).name
    trained = beside.read_text()
    options = ["test_dataloader.dataset.num_images=1"]
    tested = (tmp_path / "iter_2.pth", "--work-dir", tmp_path, "--tta")
    run_tool("tools/test.py", leaf, *tested, "--cfg-options", *options)
    assert beside.read_text() == trained  # model and length are the training's
    assert beside.with_stem(f"{beside.stem}-test").is_file()
    for length in (("--iterations", 3), ()):  # another one, or that of the config
        with pytest.raises(subprocess.CalledProcessError) as caught:
            run_tool(
                "tools/train.py", leaf, *length, "--work-dir", tmp_path, "--resume"
            )
        assert "Resume it with --iterations 2, or" in caught.value.stderr


def test_a_schedule_without_end_may_go_on():
    warm_up = dict(type="LinearLR", begin=0, end=50, by_epoch=False)
    decay = dict(type="PolyLR", begin=50, end=100, by_epoch=False)
    loop = dict(type="IterBasedTrainLoop", max_iters=100)
    begun = Config(dict(train_cfg=loop, param_scheduler=warm_up))
    longer = Config(dict(work_dir="begun", train_cfg=dict(loop, max_iters=200)))
    check_resumed_length(longer, begun, "iter_9.pth")
    begun.param_scheduler = [warm_up, decay]
    with pytest.raises(
        ValueError, match="iter_9.pth is of a training of 100 iterations"
    ):
        check_resumed_length(longer, begun, "iter_9.pth")


def test_auto_scale_lr():
    config = Config({"auto_scale_lr": {"enable": False, "base_batch_size": 16}})
    enable_auto_scale_lr(config)
    assert config.auto_scale_lr.enable is True
    with pytest.raises(ValueError, match="needs auto_scale_lr"):
        enable_auto_scale_lr(Config({}))


@pytest.mark.parametrize(
    ("processes", "share", "iterations"), [(1, "0.125", 1280), (3, "0.375", 427)]
)
def test_a_scaled_rate_leaves_the_iterations(config, processes, share, iterations):
    """160 of 16 images are 2560 images, of 2 and of 6 too."""
    loop = dict(type="IterBasedTrainLoop", max_iters=160)
    given = config(train_cfg=loop, train_dataloader=dict(batch_size=2))
    given.auto_scale_lr = dict(base_batch_size=16)
    note = other_epochs(given, processes)
    assert f"in place of 16 they are {share} times the epochs" in note
    assert note.endswith(f"add --iterations {iterations}.")
    assert other_epochs(given, 8) == ""
    given.train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=3)
    assert other_epochs(given, processes) == ""
