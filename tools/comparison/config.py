"""Configs of either host made ready to be compared."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmseg_maskformer.checks import CHECKS
from mmseg_maskformer.engine.amp import enable_amp
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.evaluation import averaging_model
from mmseg_maskformer.engine.schedule import scale_schedule
from mmseg_maskformer.registry import type_name

from .kinds import SEMANTIC, complete_evaluators, kind_of

_TRAINING = (
    *("model", "train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"),
    *("randomness", "load_from", "custom_hooks"),
)
_EVALUATION = ("model", "val_dataloader", "val_evaluator")
_CHOICE = ("val_dataloader", "val_evaluator", "chosen_by")  # of the best checkpoint
PLACES = ("data_root", "work_dir")  # where files stand changes no result
# Files that count by what they hold.
_WEIGHTS = ("load_from", "source", "checkpoint", "pretrained")
_CHECKPOINTS = 10  # of a training, so that little is lost when it stops


def comparable_config(
    path: str, options: dict[str, Any] | None = None, training: bool = True
) -> Config:
    """A config that can be compared, with what the command line overrides.

    Args:
        path: of the file.
        options: settings that override it.
        training: whether it shall be trained, and its schedule be understood.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no config for this comparison.
    """
    config = read_config(path, options or {})
    kind_of(config)
    head = config.model.get("decode_head", {})
    if not isinstance(head, dict):
        raise ValueError(
            f"{path} has a cascade of heads, {len(head)} in model.decode_head; only "
            "models with one head can be compared."
        )
    if training and "max_iters" not in (config.get("train_cfg") or {}):
        raise ValueError(
            f"{path} has no train_cfg.max_iters; schedules that count epochs cannot be "
            "compared by iterations. Give it an IterBasedTrainLoop."
        )
    return config


def prepare(
    config: Config, seed: int, iterations: int | None = None, amp: bool = False
) -> list[str]:
    """Give a config the budget, the seed and the evaluators of the comparison.

    Args:
        config: changed in place.
        seed: of initialisation and data.
        iterations: to train for; default: those of the config.
        amp: train in mixed precision.

    Returns:
        Sentences about what the budget does to the recipe.

    Raises:
        ValueError: The schedule or the evaluators are not understood.
    """
    notes = [] if iterations is None else scale_schedule(config, iterations)
    if amp:
        enable_amp(config)
    config.randomness = dict(config.get("randomness", {}), seed=seed)
    config.val_evaluator = complete_evaluators(config)
    if "max_iters" in (config.get("train_cfg") or {}):
        _save_often(config)
    return notes


def _save_often(config: Config) -> None:
    """Write checkpoints often enough to resume, without keeping more than two."""
    hooks = config.setdefault("default_hooks", {})
    given = hooks.get("checkpoint") or dict(type="CheckpointHook")
    interval = max(1, config.train_cfg.max_iters // _CHECKPOINTS)
    hooks["checkpoint"] = dict(
        given, by_epoch=False, interval=interval, max_keep_ckpts=2, out_dir=None
    )


def keeps_best(config: Config) -> bool:
    """Whether the best checkpoint of a training is evaluated, not its last."""
    hooks = config.get("default_hooks") or {}
    return bool((hooks.get("checkpoint") or {}).get("save_best"))


def scored(config: Config) -> Config:
    """The config whose validation data are those to be scored.

    These are its test data where it has ``scored="test"``: what is validated in a
    training then only chooses the best checkpoint.

    Raises:
        ValueError: It names neither "val" nor "test".
    """
    split = config.get("scored", "val")
    if split not in ("val", "test"):
        raise ValueError(
            f"{config.filename} has scored={split!r}; give 'val' or 'test'."
        )
    if split == "val":
        return config
    changed = copy.deepcopy(config)
    changed.scored = "val"
    changed.val_dataloader = config.test_dataloader
    changed.val_evaluator = config.test_evaluator
    changed.val_evaluator = complete_evaluators(changed)
    return changed


def no_multi_scale(config: Config) -> str | None:
    """Why a config cannot be evaluated with scales and flips; None if it can."""
    rule = (config.model.get("test_cfg") or {}).get("semantic_rule", "semantic")
    if kind_of(config) is not SEMANTIC:
        return "views are averaged for label maps only"
    if not config.get("tta_pipeline"):
        return "its config has no tta_pipeline"
    return None if rule == "semantic" else f"the {rule} rule has no scores to average"


def multi_scale(config: Config) -> Config:
    """The config that evaluates with scales and flips.

    The segmentors of this package give scores that are merged as they are; those of
    the host's heads go through a softmax first.
    """
    changed = copy.deepcopy(config)
    changed.model = averaging_model(config)
    changed.val_dataloader.dataset.pipeline = config.tta_pipeline
    return changed


def fingerprint(
    config: Config, keys: Sequence[str], without: tuple[str, ...] = PLACES
) -> str:
    """A hash of some keys of a config, at any depth ``without`` others.

    Files of weights count by what they hold, wherever they are, and files in a
    ``data_root`` by their places in it.
    """
    roots = tuple(_roots(config.to_dict()))
    chosen = _without({key: config.get(key) for key in keys}, without, roots)
    text = json.dumps(chosen, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def training_fingerprint(config: Config) -> str:
    """What a training depends on; hooks that only watch it are left out."""
    config = copy.deepcopy(config)
    hooks = config.get("custom_hooks") or []
    config.custom_hooks = [x for x in hooks if type_name(x) not in CHECKS]
    keys = [*_TRAINING]
    if (config.get("auto_scale_lr") or {}).get("enable"):
        keys.append("auto_scale_lr")
    if not keeps_best(config):
        return fingerprint(config, keys, (*PLACES, "test_cfg"))
    hook = config.default_hooks.checkpoint
    config.chosen_by = {key: hook.get(key) for key in ("save_best", "rule")}
    return fingerprint(config, [*keys, *_CHOICE])


def evaluation_fingerprint(config: Config) -> str:
    """What an evaluation depends on, beside the weights."""
    return fingerprint(config, _EVALUATION)


def costs_fingerprint(config: Config, device: str) -> str:
    """What parameters, FLOPs, time and memory depend on."""
    keys = ("model", "train_dataloader", "val_dataloader", "optim_wrapper")
    return f"{fingerprint(config, keys)}-{device}"


def _roots(value: Any) -> Iterator[str]:
    """Every ``data_root``, whatever its depth."""
    if isinstance(value, dict):
        if isinstance(root := value.get("data_root"), str) and root:
            yield f"{root.rstrip('/')}/"
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _roots(part)


def _without(value: Any, names: tuple[str, ...], roots: tuple[str, ...]) -> Any:
    """The same value without some keys and places of files, whatever their depth."""
    if isinstance(value, dict):
        return {
            key: _contents(x)
            if key in _WEIGHTS and isinstance(x, str)
            else _without(x, names, roots)
            for key, x in value.items()
            if key not in names
        }
    if isinstance(value, list | tuple):
        return [_without(x, names, roots) for x in value]
    if isinstance(value, str) and value.startswith(roots):
        return value[max(len(x) for x in roots if value.startswith(x)) :]
    return value


def _contents(weights: str) -> str:
    """What a file of weights holds, as a hash; other sources as they are."""
    path = Path(weights)
    return _hash_of(path, path.stat().st_mtime_ns) if path.is_file() else weights


@cache
def _hash_of(path: Path, changed: int) -> str:
    """The hash of a file as it was at that time."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
