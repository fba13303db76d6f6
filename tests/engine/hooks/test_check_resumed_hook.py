"""Checkpoints of another training are not resumed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper, PolyLR
from mmengine.runner import EpochBasedTrainLoop

from mmseg_maskformer.engine.hooks import check_resumed_hook
from mmseg_maskformer.engine.hooks.check_resumed_hook import CheckResumedHook

HOOK = CheckResumedHook()


def trained(kind=torch.optim.AdamW, parameters=1, lr=0.1, schedulers=(PolyLR,)):
    """A runner that resumes, as far as the hook looks at it."""
    optimizer = kind([torch.zeros(1, requires_grad=True)] * parameters, lr=lr)
    return SimpleNamespace(
        _resume=True,
        iter=2,
        train_loop=None,
        model=SimpleNamespace(weights_misfit=None),
        optim_wrapper=OptimWrapper(optimizer),
        param_schedulers=[x(optimizer, by_epoch=False) for x in schedulers],
    )


def saved(runner):
    """What its checkpoint holds."""
    states = [x.state_dict() for x in runner.param_schedulers]
    return dict(optimizer=runner.optim_wrapper.state_dict(), param_schedulers=states)


def constant(optimizer, by_epoch):
    return torch.optim.lr_scheduler.ConstantLR(optimizer)


@pytest.mark.filterwarnings("ignore:optimizer contains")
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dict(kind=torch.optim.SGD), "another optimizer: it lacks .*'momentum'"),
        (dict(parameters=2), "1 groups of 1 parameters, the config 1 of 2"),
        (dict(schedulers=()), "another schedule: it has 1 schedulers, the config 0"),
        (dict(schedulers=(constant,)), "1, or they are of other types"),
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


def test_another_learning_rate_is_a_warning(monkeypatch):
    said = []
    monkeypatch.setattr(
        check_resumed_hook, "print_log", lambda text, **_: said.append(text)
    )
    HOOK.after_load_checkpoint(trained(), saved(trained()))
    assert not said
    HOOK.after_load_checkpoint(trained(lr=0.2), saved(trained()))
    assert "has other learning rates than the config" in said[0]


def test_iterations_are_not_resumed_as_epochs():
    runner = trained()
    runner.train_loop, runner.epoch = object.__new__(EpochBasedTrainLoop), 0
    with pytest.raises(ValueError, match="it has 2 iterations and no epoch, and"):
        HOOK.before_train(runner)
    runner.epoch = 1
    HOOK.before_train(runner)


def test_another_model_is_refused():
    runner = trained()
    HOOK.before_train(runner)
    runner.model.weights_misfit = "1 tensor(s) of another shape"
    with pytest.raises(ValueError, match="that of another model: 1 tensor.* of anoth"):
        HOOK.before_train(runner)
