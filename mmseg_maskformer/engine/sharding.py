"""Training with sharded parameters (FSDP), where mmengine's strategy goes wrong."""

from __future__ import annotations

from typing import Any

import torch
from mmengine._strategy.fsdp import FSDPStrategy as HostStrategy
from mmengine.optim import BaseOptimWrapper
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel


class FSDPStrategy(HostStrategy):
    """Mmengine's strategy, which clips by the whole norm and can be resumed.

    The host's clips each process's shards by the norm of those alone, so that they are
    scaled differently, and hands the state of the optimizer to torch in an order of
    arguments that ended with torch 2.0. ``tools/train.py`` puts this one in its place.

    Args:
        state_dict_cfg: "full": a checkpoint is one file, like that of any training.
            The shards of the host's "local" cannot be read without running code.
        kwargs: as in the host.

    Raises:
        ValueError: Checkpoints would be shards.
    """

    def __init__(self, *, state_dict_cfg: Any = "full", **kwargs: Any) -> None:
        super().__init__(state_dict_cfg=state_dict_cfg, **kwargs)
        if not self._is_full_state_dict():
            raise ValueError(
                f"strategy.state_dict_cfg={state_dict_cfg!r} writes checkpoints of "
                "shards, which cannot be read safely and not by other tools; leave it "
                "out, or set it to 'full'."
            )

    def build_optim_wrapper(
        self, optim_wrapper: Any, model: Any = None
    ) -> BaseOptimWrapper:
        """As in the host, but clipping by the norm over all shards."""
        built = super().build_optim_wrapper(optim_wrapper, model)
        if getattr(built, "clip_func", None) is torch.nn.utils.clip_grad_norm_:

            def clip(parameters: Any, **settings: Any) -> Tensor:
                return model.clip_grad_norm_(**settings)

            built.clip_func = clip
        return built

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Give each process its shards of the optimizer's state."""
        optimizer = self.optim_wrapper.optimizer
        shards = FullyShardedDataParallel.optim_state_dict_to_load(
            self.model, optimizer, state_dict
        )
        self.optim_wrapper.load_state_dict(shards)
