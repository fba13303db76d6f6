"""What a resumed checkpoint holds, against what the config has built."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmseg_maskformer.checkpoints.wrappers import unwrapped


class CheckResumedHook(Hook):
    """Refuses to resume a training of another model, optimizer, schedule or loop.

    A resumed training has the learning rate of its checkpoint; a warning says so where
    that of the config differs. Trainings that begin are left alone.

    Raises:
        ValueError: Weights of the checkpoint do not fit the model, the optimizer has
            other groups or settings, or there are other schedulers.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare optimizer and schedule, before they are loaded."""
        wrapper = runner.optim_wrapper
        if not runner._resume or not isinstance(wrapper, OptimWrapper):
            return
        saved = checkpoint.get("optimizer") or {}
        _check_optimizer(saved.get("param_groups"), wrapper.optimizer)
        states, schedulers = checkpoint.get("param_schedulers"), runner.param_schedulers
        if isinstance(states, list) and isinstance(schedulers, list):
            _check_schedulers(states, [x.state_dict() for x in schedulers])

    def before_train(self, runner: Runner) -> None:
        """Check weights and length, which are loaded by then."""
        if not runner._resume or not runner.iter:
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and not runner.epoch:
            raise _another(
                "length",
                f"it has {runner.iter} iterations and no epoch, and train_cfg of the "
                "config counts epochs",
            )
        model = unwrapped(runner.model)
        for part in (model, getattr(model, "decode_head", None)):
            found = getattr(part, "weights_misfit", None)
            if found is not None:
                raise _another("model", str(found))


def _check_optimizer(saved: Iterable[Mapping] | None, optimizer: Any) -> None:
    if saved is None:
        return
    sizes = [[len(x["params"]) for x in y] for y in (saved, optimizer.param_groups)]
    if sizes[0] != sizes[1]:
        raise _another(
            "optimizer",
            f"it has {len(sizes[0])} groups of {sum(sizes[0])} parameters, the config "
            f"{len(sizes[1])} of {sum(sizes[1])}",
        )
    # options that are true, false or None differ between versions of torch, which
    # fills in those that a checkpoint lacks
    switches = (bool, type(None))
    numbers = {k for k, v in optimizer.defaults.items() if not isinstance(v, switches)}
    lacking = numbers - set.intersection(*(set(x) for x in saved))
    if lacking:
        name = type(optimizer).__name__
        raise _another("optimizer", f"it lacks {sorted(lacking)} of {name}")


def _check_schedulers(saved: list[dict], built: list[dict]) -> None:
    if [set(x) for x in saved] != [set(x) for x in built]:
        raise _another(
            "schedule",
            f"it has {len(saved)} schedulers, the config {len(built)}, or they are of "
            "other types",
        )
    if any(
        x.get("base_values") != y.get("base_values")
        for x, y in zip(saved, built, strict=True)
    ):
        print_log(
            "The checkpoint has other learning rates than the config, and a resumed "
            "training keeps its own. To train with those of the config, begin a "
            "training by load_from.",
            logger="current",
            level=logging.WARNING,
        )


def _another(what: str, how: str) -> ValueError:
    return ValueError(
        f"The checkpoint to be resumed is that of another {what}: {how}. Resume it "
        "with the config that it was trained with; to begin a training with its "
        "weights, name it in load_from and leave resume out."
    )
