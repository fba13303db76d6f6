"""The hook that ends a training which has diverged."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from tests.conftest import REPOSITORY

LEAF = REPOSITORY / "configs/studies/scenes/per_pixel_baseline_tiny_scenes-20.py"


def train(losses, interval=3, max_iters=100):
    """Give the hook the losses of a training; where it was when it was done."""
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckLossHook", interval=interval))
    runner = SimpleNamespace(iter=0, max_iters=max_iters, work_dir="my/work")
    for runner.iter, loss in enumerate(losses):
        sample = SimpleNamespace(metainfo=dict(img_path=f"image_{runner.iter}.png"))
        batch = dict(data_samples=[sample, SimpleNamespace(metainfo={})])
        hook.after_train_iter(runner, runner.iter, batch, dict(loss=loss))
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
        rf"iteration {where + 1} is {bad}; its images are image_{where}\.png, an "
        r"unnamed image\. .*--resume from a checkpoint in my/work"
    )
    with pytest.raises(FloatingPointError, match=message):
        train(losses[: stops + 1])


def test_the_last_iteration_is_looked_at():
    with pytest.raises(FloatingPointError, match="iteration 2 is nan"):
        train(torch.tensor([1.0, torch.nan]), interval=50, max_iters=2)


def test_a_loss_that_is_no_tensor_is_left_alone():
    assert train([None, 3.0, torch.ones(())], interval=1) == 2


def test_a_diverged_training_writes_no_checkpoint(tmp_path):
    config = Config.fromfile(LEAF)
    config.merge_from_dict(
        {
            "work_dir": str(tmp_path),
            "train_cfg.max_iters": 4,
            "default_hooks.checkpoint.interval": 2,
            "custom_hooks.1.interval": 2,
            "optim_wrapper.optimizer.lr": 1e30,
            "optim_wrapper.clip_grad": None,
            "param_scheduler": None,
            "train_dataloader.dataset.scene.size": (64, 64),
        }
    )
    with pytest.raises(FloatingPointError, match="loss of iteration 2 is nan"):
        Runner.from_cfg(config).train()
    assert not list(tmp_path.glob("*.pth"))
