"""The learning rate of every shipped schedule, step by step."""

from __future__ import annotations

from pathlib import Path

import mmengine.optim  # noqa: F401  (fills the registry)
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

SCHEDULES = sorted(
    (Path(__file__).parents[2] / "configs/_base_/schedules").glob("*.py")
)


@pytest.mark.parametrize("path", SCHEDULES, ids=lambda path: path.stem)
def test_learning_rate_is_poly_without_floor(path):
    config = Config.fromfile(path)
    steps = config.train_cfg.max_iters
    base = config.optim_wrapper.optimizer.lr
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    schedulers = [
        PARAM_SCHEDULERS.build(settings, default_args={"optimizer": optimizer})
        for settings in config.param_scheduler
    ]
    checked = {0, 1, steps // 2, steps - 1}
    for step in range(steps):
        if step in checked:
            expected = base * (1 - step / steps) ** 0.9
            assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-6)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
