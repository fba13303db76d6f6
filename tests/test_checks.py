"""Every run is checked, whatever hooks its config lists."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.checks import CHECKS, add_checks
from tests.conftest import REPOSITORY

POLY = dict(type="PolyLR", by_epoch=False)
DEMO = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


@HOOKS.register_module()
class NoteTheChecks(Hook):
    """Keeps what runs beside it, and ends the training before it begins."""

    priority = "LOWEST"

    def before_train(self, runner):
        self.found = Counter(type(x).__name__ for x in runner.hooks)
        raise KeyboardInterrupt


def checks_of(runner):
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    (note,) = [x for x in runner.hooks if isinstance(x, NoteTheChecks)]
    return {name: note.found[name] for name in CHECKS}


def config(folder, **changes):
    found = Config.fromfile(DEMO)
    found.merge_from_dict({"work_dir": str(folder), **changes})
    return found


@pytest.mark.parametrize("runner_class", [Runner, FlexibleRunner])
def test_every_check_is_there_once(tmp_path, runner_class):
    own = ("mmseg_maskformer.CheckLossHook", "EMAHook", "NoteTheChecks")
    hooks = [dict(type=name) for name in own]
    runner = runner_class.from_cfg(config(tmp_path, custom_hooks=hooks))
    assert checks_of(runner) == dict.fromkeys(CHECKS, 1)


def test_they_come_with_the_model_where_the_runtime_is_another(tmp_path):
    given = config(tmp_path, custom_hooks=[dict(type="NoteTheChecks")])
    given = Config({k: v for k, v in given.items() if k != "custom_imports"})
    assert checks_of(Runner.from_cfg(given)) == dict.fromkeys(CHECKS, 1)


def test_flexible_runner_checks_what_it_resumes(tmp_path):
    """It loads before its run begins; Runner afterwards."""
    loop = dict(max_iters=1, val_interval=2)
    given = config(tmp_path, train_cfg=loop, param_scheduler=[dict(POLY, end=1)])
    given.train_dataloader.update(num_workers=0, persistent_workers=False)
    given.train_dataloader.dataset.scene.size = (64, 64)
    FlexibleRunner.from_cfg(given).train()
    path = tmp_path / "iter_1.pth"
    given.merge_from_dict(dict(load_from=str(path), resume=True))
    given.param_scheduler[0].power = 2.0
    with pytest.raises(ValueError, match=r"has power=1\.0 \(config: 2\.0\)"):
        FlexibleRunner.from_cfg(given).train()
    given.param_scheduler[0].power = 1.0
    checkpoint = torch.load(path, weights_only=False)
    order = checkpoint["meta"]["dataset_meta"]
    order["classes"] = order["classes"][::-1]
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match=r"is number \d+ in the checkpoint and \d"):
        FlexibleRunner.from_cfg(given).train()


def test_a_check_that_the_config_lists_keeps_its_arguments():
    class Running:
        register_hook = Runner.register_hook

        def __init__(self):
            self.hooks = self._hooks = []

    runner = Running()
    for interval in (7, 9):
        loss = dict(type="mmseg_maskformer.CheckLossHook", interval=interval)
        runner.register_hook(loss)
    for _ in range(2):
        add_checks(runner)
        kept = [x.interval for x in runner.hooks if type(x).__name__ == "CheckLossHook"]
        assert kept == [9]
        assert len(runner.hooks) == len(CHECKS)


def test_a_training_with_hooks_of_its_own_ends_before_it_begins(tmp_path, monkeypatch):
    given = {"model.decode_head.num_classes": 5, "custom_hooks": [dict(type="EMAHook")]}
    runner = Runner.from_cfg(config(tmp_path, **given))
    monkeypatch.setattr(torch.nn.Module, "__call__", None)  # nothing is computed
    with pytest.raises(ValueError, match="decode_head has num_classes=5, but metainfo"):
        runner.train()
