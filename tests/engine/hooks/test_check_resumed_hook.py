"""Checkpoints of another training are not resumed."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import (
    CosineAnnealingLR,
    LinearMomentum,
    LinearParamScheduler,
    MultiStepLR,
    OptimWrapper,
    PolyLR,
    ReduceOnPlateauLR,
)
from mmengine.runner import EpochBasedTrainLoop

from mmseg_maskformer.engine.hooks import check_resumed_hook
from mmseg_maskformer.engine.hooks.check_resumed_hook import CheckResumedHook

HOOK = CheckResumedHook()


def trained(
    kind=torch.optim.AdamW, parameters=1, lr=0.1, schedulers=(PolyLR,), **settings
):
    """A runner that resumes, as far as the hook looks at it."""
    weights = [torch.zeros(1, requires_grad=True)] * parameters
    optimizer = kind(weights, lr=lr, **settings)
    return SimpleNamespace(
        _resume=True,
        iter=2,
        work_dir="work",
        train_loop=None,
        model=SimpleNamespace(weights_misfit=None),
        optim_wrapper=OptimWrapper(optimizer),
        param_schedulers=[x(optimizer) for x in schedulers],
    )


def saved(runner):
    """What its checkpoint holds after a step."""
    runner.optim_wrapper.optimizer.step()
    for scheduler in runner.param_schedulers:
        scheduler.step(*([{"loss": 1.0}] if hasattr(scheduler, "monitor") else []))
    states = [x.state_dict() for x in runner.param_schedulers]
    return dict(optimizer=runner.optim_wrapper.state_dict(), param_schedulers=states)


STEPS = partial(MultiStepLR, milestones=[5], gamma=0.1, end=8)
COSINE = partial(CosineAnnealingLR, eta_min=0.0)
WEAKER = partial(LinearParamScheduler, param_name="weight_decay", start_factor=0.5)


@pytest.mark.filterwarnings("ignore:optimizer contains")
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dict(kind=torch.optim.SGD), "another optimizer: it lacks .*'momentum'"),
        (dict(parameters=2), "1 groups of 1 parameters, the config 1 of 2"),
        (dict(schedulers=()), "another schedule: it has 1 schedulers, the config 0"),
        (dict(schedulers=(STEPS,)), "1, or they are of other types"),
        (
            dict(schedulers=(partial(PolyLR, end=9),)),
            r"0\] has end=1000000000 \(config",
        ),
    ],
)
def test_another_optimizer_or_schedule_is_refused(other, message):
    checkpoint, runner = saved(trained()), trained(**other)
    with pytest.raises(ValueError, match=message):
        HOOK.after_load_checkpoint(runner, checkpoint)
    runner._resume = False  # fine-tuning
    HOOK.after_load_checkpoint(runner, checkpoint)


def test_a_switch_that_an_older_torch_did_not_know_is_no_difference():
    checkpoint, runner = saved(trained()), trained()
    del checkpoint["optimizer"]["param_groups"][0]["decoupled_weight_decay"]
    HOOK.after_load_checkpoint(runner, checkpoint)
    runner.optim_wrapper.load_state_dict(checkpoint["optimizer"])
    assert runner.optim_wrapper.param_groups[0]["decoupled_weight_decay"]


def test_a_checkpoint_without_schedule_says_so():
    checkpoint = saved(trained())
    del checkpoint["param_schedulers"]
    with pytest.raises(ValueError, match="holds none .save_param_scheduler=False"):
        HOOK.after_load_checkpoint(trained(), checkpoint)
    HOOK.after_load_checkpoint(trained(schedulers=()), checkpoint)


@pytest.mark.parametrize(
    ("begun", "other", "message"),
    [
        (
            STEPS,
            dict(milestones=[5, 7]),
            r"milestones=\[5\] \(config: \[5, 7\]\) \(counted in",
        ),
        (STEPS, dict(gamma=0.5), r"gamma=0\.1 \(config: 0\.5\) \(.*\)\. Resume it"),
        (COSINE, dict(eta_min=None, eta_min_ratio=0.1), r"eta_min=0\.0 \(config: None"),
        (WEAKER, dict(param_name="lr"), r"param_name=weight_decay \(config: lr\)"),
    ],
)
def test_settings_of_a_schedule_are_those_of_the_checkpoint(begun, other, message):
    checkpoint = saved(trained(schedulers=(PolyLR, begun)))
    runner = trained(schedulers=(PolyLR, partial(begun, **other)))
    with pytest.raises(
        ValueError, match=rf"another schedule: param_s.*\[1\].*{message}"
    ):
        HOOK.after_load_checkpoint(runner, checkpoint)


ADAM = torch.optim.Adam
PLATEAU = partial(ReduceOnPlateauLR, monitor="loss")
FALLING = partial(LinearMomentum, start_factor=0.5, end=3)
FASTER = dict(foreach=True)  # computes the same


@pytest.mark.parametrize(
    ("begun", "other", "said"),
    [
        ({}, dict(lr=0.2), "lr=0.1 (config: 0.2)"),
        (dict(schedulers=()), dict(lr=0.2), "lr=0.1 (config: 0.2)"),
        ({}, dict(weight_decay=0.5), "weight_decay=0.01 (config: 0.5)"),
        ({}, dict(betas=(0.9, 0.5)), "betas=[0.9, 0.999] (config: [0.9, 0.5])"),
        ({}, dict(kind=ADAM), "weight_decay=True (config: False), weight_decay="),
        (dict(schedulers=(WEAKER,)), dict(weight_decay=0.5), "=0.01 (config: 0.5)"),
        *[({}, other, None) for other in ({}, dict(betas=[0.9, 0.999]), FASTER)],
        *[
            (dict(schedulers=schedulers), {}, None)  # only further on
            for schedulers in ((PLATEAU,), (STEPS, WEAKER), (FALLING,))
        ],
    ],
)
def test_other_settings_of_the_optimizer_are_a_warning(monkeypatch, begun, other, said):
    found = []
    monkeypatch.setattr(
        check_resumed_hook, "print_log", lambda text, **_: found.append(text)
    )
    HOOK.after_load_checkpoint(trained(**begun | other), saved(trained(**begun)))
    assert len(found) == (said is not None)
    if said:
        assert said in found[0]


def test_iterations_are_not_resumed_as_epochs():
    runner = trained()
    runner.train_loop, runner.epoch = object.__new__(EpochBasedTrainLoop), 0
    with pytest.raises(ValueError, match="it has 2 iterations and no epoch, and"):
        HOOK.before_train(runner)
    runner.epoch = 1
    HOOK.before_train(runner)


@pytest.mark.parametrize("mine", [0, 2])
def test_processes_begin_at_one_iteration(monkeypatch, mine):
    """Whichever of them finds no checkpoint."""
    runner, others = trained(), [2, 2]
    runner.iter, runner._resume = mine, bool(mine)
    monkeypatch.setattr(check_resumed_hook, "all_gather_object", lambda x: [*others, x])
    if mine == 2:
        HOOK.before_train(runner)
        others[1] = 0
    with pytest.raises(ValueError, match=r"\(0, 2\), since work has another"):
        HOOK.before_train(runner)


def test_another_model_is_refused():
    runner = trained()
    HOOK.before_train(runner)
    runner.model.weights_misfit = "1 tensor(s) of another shape"
    with pytest.raises(ValueError, match="that of another model: 1 tensor.* of anoth"):
        HOOK.before_train(runner)
