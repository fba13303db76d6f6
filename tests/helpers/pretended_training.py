"""A step on the CPU, then on the pretended device: ``... CONFIG``.

Prints its losses, the scores after it, and what waited for the device, as JSON. In a
process of its own, since a device is there for good.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import mmengine.device.utils
import pytest
import torch
from mmengine.config import Config

from mmseg_maskformer.engine.runners import build_runner
from tests.conftest import REPOSITORY
from tests.helpers import pretended_device


def read(name: str, folder: str) -> Config:
    """A config with three scenes, which MMSegmentation's batches pad, and one step."""
    config = Config.fromfile(REPOSITORY / "configs" / name)
    config.work_dir = folder
    config.experiment_name = Path(folder).name
    config.visualizer.name = config.experiment_name
    config.log_level = "ERROR"
    config.model.decode_head.mask_padding = True
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.param_scheduler = []
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(num_images=3)
        loader.dataset.scene.update(size=(80, 112))
    return config


def train(name: str, device: str) -> dict:
    """Losses and scores by name, and how often the step waited, by operator."""
    mmengine.device.utils.DEVICE = device
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(read(name, folder))
        step = runner.model.train_step
        waits: dict[str, int] = {}

        def counted(*arguments, **options):
            pretended_device.WAITS.clear()
            losses = step(*arguments, **options)
            waits.update(pretended_device.WAITS)
            return losses

        runner.model.train_step = counted
        runner.train()
    scalars = runner.message_hub.log_scalars
    values = {key: x.current() for key, x in scalars.items() if "time" not in key}
    found = next(runner.model.parameters()).device.type
    return dict(device=found, values=values, waits=waits)


def check_refusals() -> None:
    """The device must refuse what the training is to do without."""
    x, on_cpu = torch.ones(2, device=pretended_device.NAME), torch.ones(2)
    with pytest.raises(RuntimeError, match="add mixes devices"):
        x + on_cpu
    with pytest.raises(TypeError, match="gives float64"):
        x.double()
    with pytest.raises(NotImplementedError, match="take is not"):
        x.take(x.long())


if __name__ == "__main__":
    pretended_device.pretend()
    check_refusals()
    runs = [train(sys.argv[1], device) for device in ("cpu", pretended_device.NAME)]
    print(json.dumps(runs, default=float))
