"""The hook that ends a training which has diverged."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from tests.conftest import REPOSITORY

LEAF = REPOSITORY / "configs/studies/scenes/per_pixel_baseline_tiny_scenes-20.py"


def hook(interval=3):
    return HOOKS.build(dict(type="mmseg_maskformer.CheckLossHook", interval=interval))


def train(losses, interval=3, max_iters=100):
    """Give a hook the losses of a training; where it was when it was done."""
    given = hook(interval)
    runner = SimpleNamespace(iter=0, max_iters=max_iters)
    for runner.iter, loss in enumerate(losses):
        sample = SimpleNamespace(metainfo=dict(img_path=f"image_{runner.iter}.png"))
        batch = dict(data_samples=[sample, SimpleNamespace(metainfo={})])
        given.after_train_iter(runner, runner.iter, batch, dict(loss=loss))
    return runner.iter


def test_finite_losses_pass():
    assert train(torch.arange(9.0)) == 8


@pytest.mark.parametrize(
    ("bad", "where", "stops"),
    [
        (torch.nan, 0, 2),  # at the third iteration, the end of its interval
        (torch.inf, 2, 2),
        (-torch.inf, 4, 5),
    ],
)
def test_the_first_wrong_loss_is_named_with_its_images(bad, where, stops):
    losses = torch.ones(9)
    losses[where:] = bad
    train(losses[:stops])  # not before
    message = (
        rf"iteration {where + 1} is {bad}; its images are image_{where}\.png\. .*"
        "take effect with --resume; another learning rate"
    )
    with pytest.raises(FloatingPointError, match=message):
        train(losses[: stops + 1])


def test_the_last_iteration_is_looked_at():
    with pytest.raises(FloatingPointError, match="iteration 2 is nan"):
        train(torch.tensor([1.0, torch.nan]), interval=50, max_iters=2)


def test_a_loss_that_is_no_tensor_is_left_alone():
    assert train([None, 3.0, torch.ones(())], interval=1) == 2


@pytest.mark.parametrize(
    "batch", [None, [1, 2], dict(data_samples=None), dict(data_samples=dict(a=[1]))]
)
def test_batches_of_another_form_have_no_names(batch):
    runner = SimpleNamespace(iter=0, max_iters=1)
    with pytest.raises(FloatingPointError, match="its images are not known"):
        hook().after_train_iter(runner, 0, batch, dict(loss=torch.tensor(torch.nan)))


def test_the_earliest_loss_of_all_processes_is_named(monkeypatch):
    """A loss that is NaN makes the others' next one NaN by its gradients."""
    name = "mmseg_maskformer.engine.hooks.check_loss_hook.all_gather_object"
    others = [None, (2, math.nan, ["guilty.png"])]
    monkeypatch.setattr(name, lambda mine: [mine, *others])
    with pytest.raises(FloatingPointError, match=r"iteration 2 .* are guilty\.png"):
        train(torch.tensor([1.0, 1.0, torch.nan]))
    with pytest.raises(FloatingPointError, match=r"iteration 2 .* are guilty\.png"):
        train(torch.ones(3))  # all processes stop


def test_what_is_not_finite_is_not_saved():
    runner, weights = SimpleNamespace(iter=6, max_iters=9), dict(a=torch.ones(2))
    given = hook(interval=50)
    given.after_train_iter(runner, 6, None, dict(loss=torch.tensor(1.0)))
    given.before_save_checkpoint(runner, dict(state_dict=weights))
    weights.update(count=torch.tensor(3), b=torch.tensor([0.0, torch.inf]))
    with pytest.raises(
        FloatingPointError, match="^b is not finite after iteration 7, "
    ):
        given.before_save_checkpoint(runner, dict(state_dict=weights))
    given.after_train_iter(runner, 7, None, dict(loss=torch.tensor(torch.nan)))
    with pytest.raises(FloatingPointError, match="^The loss of iteration 7 is nan"):
        given.before_save_checkpoint(runner, dict(state_dict={}))


def test_shards_of_weights_are_looked_at():
    runner = SimpleNamespace(iter=6, max_iters=9)
    good, bad = (SimpleNamespace(tensor=torch.tensor([x])) for x in (1.0, torch.nan))
    for shards in ([good], []):
        weights = dict(w=SimpleNamespace(local_shards=lambda given=shards: given))
        hook().before_save_checkpoint(runner, dict(state_dict=weights))
    weights = dict(w=SimpleNamespace(local_shards=lambda: [good, bad]))
    with pytest.raises(FloatingPointError, match="w is not finite after iteration 7"):
        hook().before_save_checkpoint(runner, dict(state_dict=weights))


def test_an_interval_of_nothing_is_a_sentence():
    with pytest.raises(ValueError, match="CheckLossHook.interval must be positive"):
        hook(interval=0)


@pytest.mark.parametrize("interval", [2, 50])
def test_a_diverged_training_writes_no_checkpoint(tmp_path, interval):
    config = Config.fromfile(LEAF)
    config.merge_from_dict(
        {
            "work_dir": str(tmp_path),
            "train_cfg.max_iters": 4,
            "default_hooks.checkpoint.interval": 2,
            "custom_hooks": [
                dict(type="mmseg_maskformer.CheckLossHook", interval=interval)
            ],
            "optim_wrapper.optimizer.lr": 1e30,
            "optim_wrapper.clip_grad": None,
            "param_scheduler": None,
            "train_dataloader.dataset.scene.size": (64, 64),
        }
    )
    with pytest.raises(FloatingPointError, match="loss of iteration 2 is nan"):
        Runner.from_cfg(config).train()
    assert not list(tmp_path.glob("*.pth"))
