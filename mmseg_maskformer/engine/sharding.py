"""Training with sharded parameters (FSDP), where mmengine's strategy goes wrong."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch
from mmengine._strategy.fsdp import FSDPStrategy as HostStrategy
from mmengine.optim import BaseOptimWrapper
from torch.distributed.fsdp import FullyShardedDataParallel, StateDictType

from mmseg_maskformer.adapters.batches import size_by_size


class FSDPStrategy(HostStrategy):
    """Mmengine's strategy, which loads, clips and evaluates as one process does.

    The host's clips each process's shards by the norm of those alone, so that they are
    scaled differently, and hands the state of the optimizer to torch in an order of
    arguments that ended with torch 2.0. It loads weights past the hooks of a model,
    which convert names and look whether shapes fit, and evaluates past its
    ``val_step``. ``tools/train.py`` puts this one in its place.

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

    def _wrap_model(self, model: Any) -> Any:
        """As in the host, but images of different sizes are not padded to one."""
        wrapped = super()._wrap_model(model)
        if hasattr(model, "weights_misfit"):  # a model of ours
            wrapped.val_step = partial(size_by_size, wrapped.val_step)
            wrapped.test_step = partial(size_by_size, wrapped.test_step)
        return wrapped

    def build_optim_wrapper(
        self, optim_wrapper: Any, model: Any = None
    ) -> BaseOptimWrapper:
        """As in the host, but clipping by the norm over all shards."""
        built = super().build_optim_wrapper(optim_wrapper, model)
        if getattr(built, "clip_func", None) is torch.nn.utils.clip_grad_norm_:
            built._clip_grad = partial(_clip_grad, built, model)
            # of a process without gradients, at each step
            warnings.filterwarnings("ignore", r"Called FSDP\.clip_grad_norm_\(\)")
        return built

    def load_checkpoint(self, filename: str, **kwargs: Any) -> dict:
        """As in the host, but each process has the whole parameters meanwhile.

        Hooks of the runner and of the model see the names and shapes of the model.
        """
        whole = FullyShardedDataParallel.state_dict_type(  # of all, not the first alone
            self.model, StateDictType.FULL_STATE_DICT
        )
        with whole, FullyShardedDataParallel.summon_full_params(self.model):
            return super().load_checkpoint(filename, **kwargs)

    def load_model_state_dict(self, state_dict: dict, **kwargs: Any) -> None:
        """Load into the model inside, as without shards; for ``load_checkpoint``."""
        super(HostStrategy, self).load_model_state_dict(state_dict, **kwargs)

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Give each process its shards of the optimizer's state."""
        optimizer = self.optim_wrapper.optimizer
        shards = FullyShardedDataParallel.optim_state_dict_to_load(
            self.model, optimizer, state_dict
        )
        self.optim_wrapper.load_state_dict(shards)


def _clip_grad(optim_wrapper: BaseOptimWrapper, model: Any) -> None:
    """Clip by the norm over all shards and log it.

    Every process has to take part. The host leaves out those that hold no gradient,
    whose shard is of frozen parameters, and the others wait for them for ever.
    """
    norm = model.clip_grad_norm_(**optim_wrapper.clip_grad_kwargs)
    name = f"train/{optim_wrapper.grad_name}"
    optim_wrapper.message_hub.update_scalar(name, float(norm))
