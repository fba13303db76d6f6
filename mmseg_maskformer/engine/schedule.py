"""Another number of iterations, or size of the batches, for a config."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from mmengine.config import Config

_WARM_UPS = ("ConstantLR", "LinearLR")
_DECAYS = ("PolyLR", "MultiStepLR")


def scale_schedule(config: Config, iterations: int) -> list[str]:
    """Make a config train for ``iterations``, its learning rate decaying to the end.

    A PolyLR or MultiStepLR ends as far before or after the last iteration as it did,
    with its milestones at the same shares of the training; a warm-up at the start stays
    as long as it is. Evaluations come at least once.

    Args:
        config: changed in place.
        iterations: to train for.

    Returns:
        Sentences about what the new number does to the recipe.

    Raises:
        ValueError: The schedule is of a kind that is not known here.
    """
    name, loop = config.filename, config.train_cfg
    if loop.get("type") != "IterBasedTrainLoop" or loop.get("by_epoch"):
        raise ValueError(
            f"{name}: --iterations changes max_iters of an IterBasedTrainLoop, but "
            f"train_cfg is {dict(loop)}; give the number in the config and leave "
            "--iterations out."
        )
    schedulers = _listed(config.get("param_scheduler"))
    notes = [
        note
        for scheduler in schedulers
        for note in _scale(scheduler, loop.max_iters, iterations, name)
    ]
    config.param_scheduler = schedulers or None
    loop.max_iters = iterations
    loop.val_interval = min(loop.get("val_interval", 1000), iterations)
    return notes


def enable_auto_scale_lr(config: Config) -> None:
    """Scale the learning rate with the batch size the config was made for."""
    if "base_batch_size" not in config.get("auto_scale_lr", {}):
        raise ValueError(
            "--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the "
            "config, the total batch size that its learning rate is meant for."
        )
    config.auto_scale_lr.enable = True


def other_epochs(config: Config, processes: int) -> str:
    """What to say of a scaled learning rate, beside which the iterations stay.

    Args:
        config: with ``auto_scale_lr``.
        processes: how many train, each on a batch of its own.

    Returns:
        "" where a step has the images that the config is meant for, or the length is
        one of epochs.
    """
    length = config.train_cfg.get("max_iters")
    images = config.train_dataloader.batch_size * processes
    meant = config.auto_scale_lr.base_batch_size
    if length is None or images == meant:
        return ""
    return (
        f"--auto-scale-lr leaves the {length} iterations as they are: with {images} "
        f"images a step in place of {meant} they are {images / meant:.3g} times the "
        f"epochs. For as many add --iterations {ceil(length * meant / images)}."
    )


def check_resumed_length(
    config: Config, begun: Mapping[str, Any], checkpoint: str
) -> None:
    """Stop where the training to be resumed has another length and decays to its end.

    Its schedule comes back from the checkpoint, and would end where it ended.

    Args:
        config: to go on with.
        begun: settings of the training that wrote the checkpoint.
        checkpoint: its path.

    Raises:
        ValueError: They have other ``max_iters``, and the first a schedule that ends
            with them.
    """
    old, new = ((x.get("train_cfg") or {}).get("max_iters") for x in (begun, config))
    if None in (old, new) or old == new:
        return
    ends = [x.get("end") for x in _listed(begun.get("param_scheduler"))]
    if any(end is not None and abs(end - old) <= 1 for end in ends):
        raise ValueError(
            f"{checkpoint} is of a training of {old} iterations, not {new}, and holds "
            f"that schedule. Resume it with --iterations {old}, or begin a training "
            f"with its weights in another --work-dir: --cfg-options load_from="
            f"{checkpoint}"
        )


def _listed(schedulers: Any) -> list[dict]:
    """One scheduler, several or none, as a list."""
    if schedulers is None:
        return []
    return [schedulers] if isinstance(schedulers, dict) else list(schedulers)


def _scale(scheduler: dict, old: int, new: int, name: str) -> list[str]:
    """Move the end of one scheduler in place; what is to be said about it."""
    kind = scheduler["type"]
    begin, end = scheduler.get("begin", 0), scheduler.get("end")
    if scheduler.get("by_epoch", True) or end is None:
        raise ValueError(
            f"{name}: --iterations needs by_epoch=False and an end in every entry of "
            f"param_scheduler, but {kind} has {dict(scheduler)}."
        )
    if kind in _WARM_UPS and begin == 0 and end < old:
        late = f"its warm-up of {end} iterations does not end within {new}"
        return [late] if end >= new else []
    if kind not in _DECAYS or abs(end - old) > 1:
        raise ValueError(
            f"{name}: --iterations knows warm-ups ({', '.join(_WARM_UPS)} from 0) and "
            f"a {' or '.join(_DECAYS)} that ends with train_cfg.max_iters={old}, but "
            f"param_scheduler has {dict(scheduler)}; give the schedule of {new} "
            "iterations in the config and leave --iterations out."
        )
    if begin >= new:
        raise ValueError(
            f"{name}: its {kind} begins at iteration {begin}, after the {new} of "
            f"--iterations; ask for more than {begin}."
        )
    scheduler["end"] = new + (end - old)
    if kind == "MultiStepLR":
        scheduler["milestones"] = [
            min(round(x * new / old), new - 1) for x in scheduler["milestones"]
        ]
    return []
