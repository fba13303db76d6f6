"""The runners of a config, and settings that a runner would ignore."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.engine import amp
from mmseg_maskformer.engine.runners import (
    build_runner,
    evaluating_runner,
    require_room,
)
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("scope", ["", "mmengine."])
def test_a_recipe_in_float16_needs_a_gpu_or_bfloat16(monkeypatch, scope):
    monkeypatch.setattr(amp, "get_device", lambda: "cpu")
    recipe = REPOSITORY / "configs/_base_/schedules/schedule_50e_mask2former.py"
    config = Config.fromfile(recipe)
    config.optim_wrapper.type = f"{scope}AmpOptimWrapper"
    wanted = (
        r"mask2former\.py trains in float16 .* for which mmengine wants a GPU, and not "
        r"Apple's; tools/train\.py --amp trains it in bfloat16\."
    )
    with pytest.raises(ValueError, match=wanted):
        build_runner(config)
    amp.enable_amp(config)
    wrapper = config.optim_wrapper
    assert wrapper.type == "mmseg_maskformer.BFloat16OptimWrapper"
    assert wrapper.optimizer.lr == 1e-4
    assert not {"dtype", "loss_scale"} & set(wrapper)


def test_the_runner_is_that_of_the_config(monkeypatch):
    built = []
    for kind in (Runner, FlexibleRunner):
        monkeypatch.setattr(kind, "from_cfg", lambda cfg: built.append(cfg) or "runner")
    strategy = dict(type="DeepSpeedStrategy", zero_optimization=dict(stage=3))
    wrapper = dict(type="DeepSpeedOptimWrapper")
    given = dict(runner_type="FlexibleRunner", strategy=strategy, optim_wrapper=wrapper)
    for settings in ({}, given):
        assert build_runner(Config(settings)) == "runner"
    assert built[1].strategy == strategy
    given |= dict(launcher="pytorch", strategy=dict(type="FSDPStrategy"))
    build_runner(Config(given))
    assert built[2].strategy.type == "mmseg_maskformer.FSDPStrategy"


def test_a_flexible_runner_that_keeps_the_best_is_warned_of(monkeypatch, capsys):
    monkeypatch.setattr(FlexibleRunner, "from_cfg", lambda cfg: "runner")
    hooks = dict(checkpoint=dict(save_best="mIoU"))
    given = dict(runner_type="mmengine.FlexibleRunner", default_hooks=hooks)
    assert build_runner(Config(given)) == "runner"
    assert "save_best='mIoU' in default_hooks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(runner_type="FSDP"), "has runner_type='FSDP', which is not registered"),
        (dict(strategy=dict(type="FSDPStrategy")), "set runner_type='FlexibleRunner'"),
        (
            dict(runner_type="FlexibleRunner", strategy=dict(type="DeepSpeedStrategy")),
            "has optim_wrapper.type='OptimWrapper', past which DeepSpeed would not",
        ),
        (
            dict(
                runner_type="FlexibleRunner",
                custom_hooks=[dict(type="mmengine.EMAHook")],
                load_from="iter_9.pth",
            ),
            "has EMAHook .*FlexibleRunner loads no checkpoint .load_from='iter_9.pth'",
        ),
        *(
            (
                dict(settings, model=dict(backbone=dict(type="mmseg.TIMMBackbone"))),
                "has sync_bn='torch' and TIMMBackbone, whose norms hold activations",
            )
            for settings in (
                dict(sync_bn="torch"),
                dict(strategy=dict(type="DDPStrategy", sync_bn="torch")),
            )
        ),
        *(
            (dict(runner_type="FlexibleRunner", strategy=strategy), message)
            for strategy, message in (
                (dict(type="DDPStrategy"), "which is for several processes, and this"),
                (dict(type="FSDPStrategy"), "dist_train.sh CONFIG N starts N"),
                (dict(type="FSDP"), "strategy.type='FSDP', which is not registered"),
                (dict(stage=1), "has strategy.type=None, which is not registered"),
            )
        ),
    ],
)
def test_what_would_be_ignored_is_a_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        build_runner(Config(settings))


@pytest.mark.parametrize("end", ["", "-test"])
def test_a_copy_of_the_config_takes_the_place_of_a_copy_only(tmp_path, end):
    """That of a test is called so, and may be a config of the user."""
    other, weights = tmp_path / f"leaf{end}.py", tmp_path / "a.pth"
    other.write_text("_base_ = 'base.py'  # --launcher\n")
    weights.touch()
    where = dict(work_dir=str(tmp_path))
    given = Config(where, cfg_text="-", filename=str(tmp_path / "leaf.py"))
    message = f"{other} would be replaced, which is no such copy. Name another --work-"
    with pytest.raises(ValueError, match=message):
        evaluating_runner(given, str(weights)) if end else build_runner(given)


@pytest.mark.parametrize("suffix", [".py", ".yaml", ".json"])
def test_a_copy_may_be_replaced(tmp_path, suffix):
    path = tmp_path / f"leaf{suffix}"
    given = dict(work_dir=str(tmp_path), launcher="none")
    config = Config(given, cfg_text="-", filename=str(path))
    config.dump(path)
    require_room(config)
    path.write_text("\n")  # another process is writing it
    require_room(config)
    path.write_text("a = 1\n")  # of a runner that was made without a launcher
    (tmp_path / "20261129_120000/vis_data").mkdir(parents=True)
    require_room(config)
