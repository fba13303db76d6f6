"""A config with ``compile`` trains as without, its matching outside of the graphs."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import FlexibleRunner, Runner
from torch._dynamo.utils import counters

from tests.conftest import REPOSITORY

DEMO = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


@HOOKS.register_module()
class KeepTheLosses(Hook):
    def __init__(self):
        self.losses = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(float(outputs["loss"].detach()))


def train(folder, runner_class, **changes):
    """Two steps; the runner and its losses."""
    config = Config.fromfile(DEMO)
    settings = {
        "work_dir": str(folder),
        "train_cfg.max_iters": 2,
        "param_scheduler": None,
        "default_hooks.checkpoint": dict(type="CheckpointHook", interval=100),
        "train_dataloader.batch_size": 2,
        "train_dataloader.dataset.scene.size": (32, 32),
        "custom_hooks": [dict(type="KeepTheLosses")],
        **{f"val_{key}": None for key in ("cfg", "dataloader", "evaluator")},
        **changes,
    }
    config.merge_from_dict(settings)
    runner = runner_class.from_cfg(config)
    runner.train()
    (kept,) = [x for x in runner.hooks if isinstance(x, KeepTheLosses)]
    return runner, kept.losses


@HOOKS.register_module()
class CopyTheBackbone(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """A copy computes with weights of its own."""
        copied = deepcopy(runner.model.backbone)
        for x in copied.parameters():
            torch.nn.init.zeros_(x)
        with torch.no_grad():
            assert not copied(torch.ones(1, 3, 32, 32))[-1].any()
            assert runner.model.backbone(torch.ones(1, 3, 32, 32))[-1].any()


def test_copies_of_a_model_in_training_are_models_of_their_own(tmp_path):
    hooks = [dict(type=x) for x in ("KeepTheLosses", "CopyTheBackbone")]
    train(tmp_path, Runner, compile=dict(backend="eager"), custom_hooks=hooks)


@pytest.mark.parametrize(
    ("runner_class", "frozen"),
    [(Runner, ()), (FlexibleRunner, ()), (Runner, ("backbone",))],
)
def test_the_network_is_compiled_and_nothing_else(tmp_path, runner_class, frozen):
    changes = {"model.frozen": frozen}
    _, plain = train(tmp_path, runner_class, **changes)
    torch._dynamo.reset()
    counters.clear()
    changes["compile"] = dict(backend="eager")
    runner, compiled = train(tmp_path, runner_class, **changes)
    assert compiled == pytest.approx(plain, rel=1e-6)
    # backbone and head, whatever the images hold
    assert counters["stats"]["unique_graphs"] == 2
    assert not counters["graph_break"]
    assert "train_step" not in vars(runner.model)
    assert not any("forward" in vars(part) for part in runner.model.modules())
