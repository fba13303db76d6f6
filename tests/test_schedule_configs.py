"""The learning rate of every shipped schedule, step by step."""

from __future__ import annotations

from pathlib import Path

import mmengine.optim  # noqa: F401  (fills the registry)
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

STEPS = {"554k", "50e", "100e"}  # on COCO the learning rate falls in steps
FOLDER = Path(__file__).parents[1] / "configs/_base_/schedules"
STEPPED = ["schedule_4k", "schedule_160k_swin"]
POLY = sorted(x for x in FOLDER.glob("*.py") if not set(x.stem.split("_")) & STEPS)


@pytest.mark.parametrize("path", POLY, ids=lambda path: path.stem)
def test_schedule_is_poly_to_its_last_step(path):
    config = Config.fromfile(path)
    *_, poly = config.param_scheduler
    end = config.train_cfg.max_iters + 1  # PolyLR ends one step earlier than it says
    expected = dict(type="PolyLR", power=0.9, eta_min=0.0, begin=0, end=end)
    assert poly == dict(**expected, by_epoch=False)


@pytest.mark.parametrize("name", STEPPED)
def test_learning_rate_step_by_step(name):
    config = Config.fromfile(FOLDER / f"{name}.py")
    steps = config.train_cfg.max_iters
    base = config.optim_wrapper.optimizer.lr
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    schedulers = [
        PARAM_SCHEDULERS.build(settings, default_args={"optimizer": optimizer})
        for settings in config.param_scheduler
    ]
    checked = {0, 1, 750, 1499, 1500, 1501, steps // 2, steps - 1}
    for step in range(steps):
        if step in checked:
            expected = base * (1 - step / steps) ** 0.9
            if name.endswith("swin") and step < 1500:  # w0 (1 - t / tw) + t / tw
                expected *= 1e-6 * (1 - step / 1500) + step / 1500
            assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-6)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
