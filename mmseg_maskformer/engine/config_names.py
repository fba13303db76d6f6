"""Names in a config that nobody reads, or that no longer say what it does."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any

from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.core.messages import shown

# difflib's ratio of a name and what was meant: "lrr" and "lr" have 0.8, "save_last" and
# "save_best" 0.78
_ALIKE = 0.8
# What a config may have that is read after it is whole.
READ = {
    *(name for kind in (Runner, FlexibleRunner) for name in signature(kind).parameters),
    # by the runners, past their arguments
    *("activation_checkpointing", "efficient_conv_bn_eval", "find_unused_parameters"),
    *("model_wrapper_cfg", "runner_type", "sync_bn"),
    # by the hosts' functions and the scripts here
    *("scored", "tta_model", "tta_pipeline"),
} - {"cfg"}
# Variables of the hosts' configs, such as test_pipeline, are like the other one.
_DISTINCT = READ - {"tta_pipeline"}
_SETTINGS = (dict, list, tuple, str, int, float)  # not classes, which are imported
# What configs had before MMEngine, and has another name since.
_OLD = {
    "checkpoint_config": "default_hooks.checkpoint",
    "data": "train_dataloader, val_dataloader and test_dataloader",
    "evaluation": "train_cfg.val_interval and val_evaluator",
    "fp16": "optim_wrapper of type AmpOptimWrapper",
    "log_config": "default_hooks.logger and visualizer",
    "lr_config": "param_scheduler",
    "optimizer": "optim_wrapper.optimizer",
    "optimizer_config": "optim_wrapper",
    "runner": "train_cfg",
    "total_epochs": "train_cfg.max_epochs",
    "total_iters": "train_cfg.max_iters",
    "workflow": "train_cfg.val_interval",
}


def check_names(config: Config, bases: Mapping[str, Config]) -> None:
    """Warn where what a file of a config sets has no effect.

    That is a name of MMSegmentation 0.x, or almost one that is read, whose value no
    other setting has; and a variable of a base that has been used by then. A file
    without bases may be what a runner wrote, with variables left over: there, only
    names whose successor is missing are told.

    Args:
        config: of the file.
        bases: the configs that it inherits, directly or not, by file.
    """
    for name, value in config.items():
        new = _OLD.get(name) or next(iter(_alike(name, _DISTINCT)), None)
        if name in READ or not new or not isinstance(value, _SETTINGS):
            continue
        there = re.split(r"\W", new)[0] in config and not bases
        if not there and not _used(value, [config, *bases.values()]):
            warn(
                f"{config.filename} sets {name}, which is not read, and no setting has "
                f"it as its value. Set {new}, if that was meant."
            )
    told: set[str] = set()
    for file, base in bases.items():
        for name in sorted((base.keys() & config.keys()) - READ - told):
            if config[name] != base[name] and (kept := _kept(name, base[name], config)):
                told.add(name)
                warn(
                    f"{config.filename} sets {name} to {str(config[name])[:60]}, but "
                    f"{shown(kept)} still have what {file} says. Set them, too, if "
                    "that was meant."
                )


def _used(value: Any, configs: Iterable[Config]) -> bool:
    """Whether a value stands in a part of the configs that is read."""
    return any(_holds(x, value) for config in configs for _, _, x in _places(config))


def _holds(part: Any, value: Any) -> bool:
    """Whether a part of a config is a value, or one of the two was merged with more."""
    return part == value or _within(part, value) or _within(value, part)


def _within(small: Any, large: Any) -> bool:
    """Whether a dictionary that is not empty has nothing that the other lacks."""
    if not (isinstance(small, dict) and isinstance(large, dict) and small):
        return False
    return all(
        key in large and (large[key] == x or _within(x, large[key]))
        for key, x in small.items()
    )


def _kept(name: str, value: Any, config: Config) -> list[str]:
    """Where a config still has the value of a variable, going by the keys there."""
    return [
        path
        for path, key, x in _places(config)
        if f"_{name}".endswith(f"_{key}") and x == value
    ]


def _places(config: Config) -> Iterator[tuple[str, str, Any]]:
    """Path, last key and value of everything in the parts of a config that are read."""
    for name in sorted(config.keys() & READ):
        yield name, name, config[name]
        yield from _inner(name, config[name])


def _inner(path: str, part: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(part, dict):
        items: Iterable[tuple[Any, Any]] = part.items()
    else:
        items = enumerate(part) if isinstance(part, list | tuple) else ()
    for key, value in items:
        yield f"{path}.{key}", str(key), value
        yield from _inner(f"{path}.{key}", value)


def _alike(name: str, known: Iterable[str]) -> Sequence[str]:
    return get_close_matches(name, known, 1, _ALIKE)


def meant(name: str, known: Iterable[str]) -> str:
    """A question for the known name that is almost this one; "" without one."""
    found = _alike(name, known)
    return f" (did you mean {found[0]}?)" if found else ""


def warn(text: str) -> None:
    """Print a warning to the standard error."""
    print(f"Warning: {text}", file=sys.stderr)
