"""The schedule and the samplers of a run against its loops, before it begins."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner


class CheckScheduleHook(Hook):
    """Refuses schedules that end elsewhere than the training, and endless epochs.

    The last scheduler of the learning rate, or of another parameter, ends with the
    training: within one iteration, or in epochs with the last or one later. What only
    warms up (from the start, by a growing factor) may end when it likes; a warning
    says that it is not over when the training is.

    Raises:
        ValueError: A schedule ends before the training or after it, or counts epochs
            where the loop counts iterations; a loop goes over all images of a sampler
            that never ends; or learning rates are scaled with the batch size, and
            batches accumulated.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the schedule, and the samplers of training and evaluation."""
        check_scaling(runner)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            check_sampler(runner.train_dataloader, "train")
        if runner.val_loop is not None:
            self.before_val(runner)
        for schedulers in _by_parameter(runner.param_schedulers):
            check_schedule(schedulers, runner.train_loop)

    def before_val(self, runner: Runner) -> None:
        """Check the sampler of evaluation."""
        check_sampler(runner.val_dataloader, "val")

    def before_test(self, runner: Runner) -> None:
        """Check the sampler of the test."""
        check_sampler(runner.test_dataloader, "test")


def check_scaling(runner: Runner) -> None:
    """Refuse mmengine's scaling of learning rates, which counts one batch of a step.

    Raises:
        ValueError: It is on, and a step has several.
    """
    batches = getattr(runner.optim_wrapper, "_accumulative_counts", 1)
    if batches > 1 and (runner.cfg.get("auto_scale_lr") or {}).get("enable"):
        raise ValueError(
            f"--auto-scale-lr (auto_scale_lr.enable) does not count that "
            f"optim_wrapper.accumulative_counts={batches} batches make a step. Leave it"
            " out, and where the images of a step are not as many as the learning rate "
            "is meant for, set optim_wrapper.optimizer.lr."
        )


def check_sampler(loader: Any, split: str) -> None:
    """Refuse a sampler that never ends, for a loop that goes to its end.

    Raises:
        ValueError: It is one.
    """
    samplers = [getattr(loader, "sampler", None)]
    batches = getattr(loader, "batch_sampler", None)
    samplers += [batches, getattr(batches, "sampler", None)]
    endless = [type(x).__name__ for x in samplers if _is_endless(x)]
    if not endless:
        return
    remedy = f"set {split}_dataloader.sampler.type='DefaultSampler'"
    if split == "train":
        remedy += ", or train_cfg=dict(type='IterBasedTrainLoop', max_iters=...)"
    raise ValueError(
        f"{split}_dataloader has the sampler {endless[0]}, which never ends, so that "
        f"the {'first epoch' if split == 'train' else 'evaluation'} would not end "
        f"either: {remedy}."
    )


def check_schedule(schedulers: list[Any], loop: Any) -> None:
    """Compare the built schedulers of one parameter with the loop's length.

    Raises:
        ValueError: They do not fit; the message says what would.
    """
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    for scheduler in schedulers:
        if scheduler.by_epoch and not by_epoch:
            raise ValueError(
                f"{_described(scheduler)} counts epochs (by_epoch=True, the default), "
                f"but the training counts iterations (max_iters={loop.max_iters}), so "
                "that it would change nothing. Set by_epoch=False and its begin and "
                "end in iterations."
            )
    for scheduler in filter(_warms_up, schedulers):
        length = _length(scheduler, loop)
        if scheduler.end > length + 1:
            print_log(
                f"{_described(scheduler)} is not over when the training ends at "
                f"{length} {_unit(scheduler)}.",
                logger="current",
                level=logging.WARNING,
            )
    others = [x for x in schedulers if not _warms_up(x)]
    _check_zero(others)
    if others:
        _check_last(max(others, key=lambda x: x.end / _length(x, loop)), loop)


def _check_zero(schedulers: list[Any]) -> None:
    """Refuse what would multiply a value that is 0 by then.

    A last ConstantLR says that this is meant.
    """
    for first in filter(_ends_at_zero, schedulers):
        for later in schedulers:
            factors = hasattr(later, "step_size") or hasattr(later, "milestones")
            decays = factors or getattr(later, "eta_min", None) == 0
            grows = hasattr(later, "end_factor")
            if later.begin >= first.end and (decays or grows):
                raise ValueError(
                    f"{_described(later)} multiplies what {_described(first)} leaves, "
                    "which is 0 and stays 0 to the end of the training. Remove one of "
                    "the two, or give the first an eta_min above 0."
                )


def _ends_at_zero(scheduler: Any) -> bool:
    if getattr(scheduler, "eta_min", None) == 0 and not hasattr(scheduler, "periods"):
        span = scheduler.end - scheduler.begin
        return getattr(scheduler, "T_max", span) <= span
    return getattr(scheduler, "end_factor", None) == 0


def _check_last(scheduler: Any, loop: Any) -> None:
    """Compare the end of a parameter's last scheduler with that of the training."""
    length, unit = _length(scheduler, loop), _unit(scheduler)
    begin, step = scheduler.begin, getattr(scheduler, "step_size", 0)
    last = max(getattr(scheduler, "milestones", ()), default=step and begin + step)
    if last >= length:
        raise ValueError(
            f"{_described(scheduler)} has a milestone at {last}, but the training ends "
            f"at {length} {unit}. Place its milestones (step_size) before that, or "
            "train longer."
        )
    early, late = (0, 1) if scheduler.by_epoch else (1, 1)
    for key, ends in _ends(scheduler).items():
        if not any(length - early <= end <= length + late for end in ends):
            raise ValueError(_elsewhere(scheduler, key, ends[0], loop))


def _elsewhere(scheduler: Any, key: str, end: int, loop: Any) -> str:
    """A message about a scheduler that does not end with the training."""
    unit, length = _unit(scheduler), _length(scheduler, loop)
    if end < length:
        effect = f"the remaining {length - end} would keep the value it has by then"
        remedy = (
            " If that is meant, say so by one more: dict(type='ConstantLR', factor=1.0,"
            f" begin={end}, end={length}, by_epoch={scheduler.by_epoch})."
        )
    else:
        effect, remedy = f"its last {end - length} would never come", ""
    if loop.iter:
        remedy = " A resumed training has the schedule of its checkpoint."
    return (
        f"{_described(scheduler)} ends at {end} by its {key}, but the training at "
        f"{length} {unit}: {effect}. Set {key}={length} in param_scheduler, or the "
        "length in train_cfg to that of the schedule; tools/train.py --iterations N "
        f"sets both.{remedy}"
    )


def _by_parameter(schedulers: Any) -> list[list[Any]]:
    """Schedulers of each parameter of each optimizer, as they are at the start."""
    found = schedulers.values() if isinstance(schedulers, dict) else [schedulers or []]
    groups: dict[tuple[int, str], list[Any]] = {}
    for index, several in enumerate(found):
        for scheduler in several:
            name = getattr(scheduler, "param_name", None)
            if name is not None and not hasattr(scheduler, "monitor"):
                groups.setdefault((index, name), []).append(scheduler)
    return list(groups.values())


def _warms_up(scheduler: Any) -> bool:
    """Whether a scheduler starts low, at the start, and then leaves the value alone."""
    name = type(scheduler).__name__
    start = getattr(scheduler, "start_factor", getattr(scheduler, "factor", None))
    grows = start is not None and start < getattr(scheduler, "end_factor", 1.0)
    return scheduler.begin == 0 and (grows or "Warmup" in name)


def _ends(scheduler: Any) -> dict[str, list[int]]:
    """Where a scheduler arrives, by the argument that says so.

    Lengths count from ``begin``; that of a whole training is taken for what it is.
    """
    ends = {"end": [scheduler.end]}
    for key in ("T_max", "total_steps", "periods"):
        given = getattr(scheduler, key, None)
        if given is not None:
            length = sum(given) if key == "periods" else given
            ends[key] = [scheduler.begin + length, length]
    return ends


def _length(scheduler: Any, loop: Any) -> int:
    return loop.max_epochs if scheduler.by_epoch else loop.max_iters


def _unit(scheduler: Any) -> str:
    return "epochs" if scheduler.by_epoch else "iterations"


def _described(scheduler: Any) -> str:
    name = type(scheduler).__name__
    return f"param_scheduler {name} (begin={scheduler.begin}, end={scheduler.end})"


def _is_endless(sampler: Any) -> bool:
    """Whether it says so: in the name of its class, or of a method, as mmdet's."""
    names = [*(x.__name__ for x in type(sampler).__mro__), *dir(sampler)]
    return any("infinite" in name.lower() for name in names)
