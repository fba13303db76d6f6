"""What a resumed checkpoint holds, against what the config has built."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from mmseg_maskformer.checkpoints.wrappers import unwrapped
from mmseg_maskformer.core.messages import shown

_PROGRESS = {"last_step", "verbose"}  # arguments of a scheduler that are no settings


class CheckResumedHook(Hook):
    """Refuses to resume a training of another model, optimizer, schedule or loop.

    A resumed training has the learning rate, weight decay and other settings of the
    optimizer of its checkpoint; a warning names those that differ in the config.
    Trainings that begin are left alone, but by processes of which some resume.

    Raises:
        ValueError: Weights of the checkpoint do not fit the model, the optimizer has
            other groups or lacks settings, the schedule is another, or processes begin
            at different iterations.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare optimizer and schedule, before they are loaded."""
        wrapper = runner.optim_wrapper
        if not runner._resume or not isinstance(wrapper, OptimWrapper):
            return
        groups = (checkpoint.get("optimizer") or {}).get("param_groups") or []
        if groups:
            _check_optimizer(groups, wrapper.optimizer)
        schedulers = runner.param_schedulers or []
        built = [x.state_dict() for x in schedulers]
        kinds = [type(x) for x in schedulers]
        _check_schedulers(checkpoint.get("param_schedulers"), built, kinds)
        _warn_of_settings(groups, wrapper.optimizer, built)

    def before_train(self, runner: Runner) -> None:
        """Check weights and length, which are loaded by then."""
        _check_processes(all_gather_object(runner.iter), runner.work_dir)
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


def _check_processes(begins: list[int], work_dir: str) -> None:
    """Stop where a node has not the checkpoint of the others: it would not notice."""
    if len(set(begins)) == 1:
        return
    where = shown(sorted(set(begins)))
    raise ValueError(
        f"The processes begin at different iterations ({where}), since {work_dir} has "
        "another newest checkpoint, or none, on some nodes. Name a --work-dir that all "
        "nodes share, or copy its checkpoint and last_checkpoint to each of them."
    )


def _check_optimizer(saved: Iterable[Mapping], optimizer: Any) -> None:
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


def _check_schedulers(
    saved: list[dict] | None, built: list[dict], kinds: list[type]
) -> None:
    if built and saved is None:
        raise _another(
            "schedule",
            "it holds none (save_param_scheduler=False of CheckpointHook), the config "
            f"{len(built)} schedulers",
        )
    saved = saved or []
    if [set(x) for x in saved] != [set(x) for x in built]:
        raise _another(
            "schedule",
            f"it has {len(saved)} schedulers, the config {len(built)}, or they are of "
            "other types",
        )
    for index, (x, y, kind) in enumerate(zip(saved, built, kinds, strict=True)):
        settings = set(x) & _arguments(kind) - _PROGRESS
        if found := _differing(x, y, settings):
            raise _another(
                "schedule",
                f"param_scheduler[{index}] has {', '.join(found.values())} (counted in "
                "epochs, these follow from batch size, processes and number of images)",
            )


def _arguments(kind: type) -> set[str]:
    """Names of the arguments that a class and its parents take."""
    return {
        name
        for part in kind.__mro__
        for name in signature(part.__init__).parameters  # type: ignore[misc]
    }


def _warn_of_settings(
    saved: Iterable[Mapping], optimizer: Any, schedulers: list[dict]
) -> None:
    """Name what differs, of a value that is scheduled the one it began with."""
    scheduled = {x.get("param_name") for x in schedulers}
    names = {f"initial_{x}" for x in scheduled} | set(optimizer.defaults) - scheduled
    if any(x.get("use_betas") for x in schedulers):  # as the momentum
        names.discard("betas")
    found: dict[str, str] = {}
    for x, y in zip(saved, optimizer.param_groups, strict=False):
        # None lets torch decide
        given = {k for k in names if x.get(k) is not None and y.get(k) is not None}
        found = _differing(x, y, given) | found
    if found:
        print_log(
            "The checkpoint has other settings of the optimizer than the config, and a "
            f"resumed training keeps its own: {', '.join(found.values())}. To train "
            "with those of the config, begin a training by load_from.",
            logger="current",
            level=logging.WARNING,
        )


def _differing(saved: Mapping, built: Mapping, keys: set[str]) -> dict[str, str]:
    """Both values of each key that differs."""
    values = {key: (_plain(saved[key]), _plain(built[key])) for key in sorted(keys)}
    return {
        key: f"{key.removeprefix('initial_')}={x} (config: {y})"
        for key, (x, y) in values.items()
        if x != y
    }


def _plain(value: Any) -> Any:
    """A value as a config writes it."""
    if isinstance(value, Counter):  # milestones
        return sorted(value.elements())
    if isinstance(value, Tensor):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _another(what: str, how: str) -> ValueError:
    return ValueError(
        f"The checkpoint to be resumed is that of another {what}: {how}. Resume it "
        "with the config that it was trained with; to begin a training with its "
        "weights, name it in load_from and leave resume out."
    )
