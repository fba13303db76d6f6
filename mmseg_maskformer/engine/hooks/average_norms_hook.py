"""The same running statistics of batch norms in all processes of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class AverageNormsHook(Hook):
    """Averages running means and variances over the processes after every iteration.

    mmengine's DDP leaves each process with those of its own images: it would validate
    its share of the images with them, and a checkpoint has those of the first. Norms
    that do not train are left alone, as are those of ``sync_bn``, which are equal.
    """

    priority = "ABOVE_NORMAL"  # than EMAHook and CheckpointHook, which copy them

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping | None = None,
    ) -> None:
        """Average, where there are several processes."""
        if get_world_size() == 1:
            return
        found = [
            statistic
            for norm in runner.model.modules()
            if isinstance(norm, _BatchNorm) and norm.training
            if not isinstance(norm, nn.SyncBatchNorm)
            for statistic in (norm.running_mean, norm.running_var)
            if statistic is not None
        ]
        if found:
            all_reduce_params(found, op="mean")
