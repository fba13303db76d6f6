"""Batch norms of two processes, of any training, that see different images."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import get_priority
from torch import nn
from torch.distributed import destroy_process_group, init_process_group

from mmseg_maskformer.checks import add_checks
from mmseg_maskformer.engine.hooks.average_norms_hook import AverageNormsHook
from mmseg_maskformer.registry import HOOKS


def one_of_two(rank, folder):
    """Norms before and after; the third does not train."""
    store = f"file://{folder / 'store'}"
    init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    model = nn.Sequential(*(nn.BatchNorm1d(1, momentum=0.5) for _ in range(3)))
    model[2].eval()
    model[2].running_mean.fill_(rank)
    model[0](torch.tensor([[0.0], [8.0 * rank]]))
    runner = SimpleNamespace(model=model, hooks=[])
    runner.register_hook = lambda hook: runner.hooks.append(HOOKS.build(hook))
    add_checks(runner)
    (hook,) = (x for x in runner.hooks if isinstance(x, AverageNormsHook))
    hook.after_train_iter(runner, 0)
    found = [(x.running_mean.item(), x.running_var.item()) for x in model]
    torch.save(found, folder / f"{rank}.pth")
    destroy_process_group()


def test_running_statistics_are_the_mean_of_all_processes(tmp_path):
    torch.multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    # Images 0 and 0: mean 0, variance 0, hence 0 and (1 + 0) / 2; images 0 and 8: mean
    # 4, variance 32, hence 2 and (1 + 32) / 2; the mean of both is 1 and 8.5.
    for rank in range(2):
        first, second, frozen = torch.load(tmp_path / f"{rank}.pth")
        assert first == pytest.approx((1.0, 8.5))
        assert second == (0.0, 1.0)
        assert frozen == (rank, 1.0)


@pytest.mark.parametrize("copying", [EMAHook, CheckpointHook])
def test_what_is_copied_is_the_mean(copying):
    first, second = (get_priority(x.priority) for x in (AverageNormsHook, copying))
    assert first < second  # hooks of lower numbers run first
