"""The runners that train and evaluate a config."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS, STRATEGIES
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.checkpoints.loading import require_fit
from mmseg_maskformer.registry import type_name

from .amp import amp_is_refused
from .arguments import require_checkpoint
from .config_names import warn
from .evaluation import leave_training_hooks

# What our tools and the hosts' add to a config, in Python, YAML and JSON.
_LAUNCHER = re.compile(r"""(^|["'])launcher["']?\s*[=:]""", re.MULTILINE)


def build_runner(config: Config) -> Runner | FlexibleRunner:
    """The runner that trains a config: mmengine's, or that of ``runner_type``.

    Raises:
        ValueError: There is no such runner or strategy, or the runner does not read
            ``strategy``, or the optimizer's wrapper, a hook or one process does not
            suit it, or there is no GPU for float16, or ``sync_bn`` does not suit the
            backbone, or a file is in the way of the runner's copy of the config.
    """
    require_room(config)
    _check_norms(config)
    kind, strategy = config.get("runner_type", "Runner"), config.get("strategy")
    if isinstance(kind, str) and RUNNERS.get(kind) is None:
        raise ValueError(
            f"{config.filename} has runner_type={kind!r}, which is not registered; "
            "mmengine has Runner and FlexibleRunner."
        )
    if strategy and kind == "Runner":
        raise ValueError(
            f"{config.filename} has strategy={dict(strategy)}, which mmengine's Runner "
            "does not read; set runner_type='FlexibleRunner', or leave strategy out."
        )
    _check_flexible(config)
    name = type_name(strategy or {})
    if strategy:
        _check_strategy(config)
    if name == "FSDPStrategy":
        strategy["type"] = "mmseg_maskformer.FSDPStrategy"
    wrapper = config.get("optim_wrapper") or {}
    given = wrapper.get("type", "OptimWrapper")
    if amp_is_refused(wrapper):
        raise ValueError(
            f"{config.filename} trains in float16 (optim_wrapper.type={given!r}), "
            "for which mmengine wants a GPU, and not Apple's; tools/train.py --amp "
            "trains it in bfloat16."
        )
    if name == "DeepSpeedStrategy" and given != "DeepSpeedOptimWrapper":
        raise ValueError(
            f"{config.filename} has optim_wrapper.type={given!r}, past which DeepSpeed "
            "would not see a gradient; set optim_wrapper=dict(_delete_=True, "
            "type='DeepSpeedOptimWrapper', optimizer=...), and gradient_clipping of "
            "strategy instead of clip_grad."
        )
    return RUNNERS.build(config)


def require_room(config: Config) -> None:
    """Stop where the runner's copy of a config would replace a file that is no copy.

    Raises:
        ValueError: A file of this name is in ``work_dir``, and no runner wrote it.
    """
    if not (config.filename and config.get("work_dir")):
        return
    folder = Path(config.work_dir)
    copy = folder / Path(config.filename).name
    text = copy.read_text(encoding="utf-8", errors="replace") if copy.is_file() else ""
    used = any(folder.glob("*/vis_data"))  # by a runner, which left copies
    if text.strip() and not used and not _LAUNCHER.search(text):
        raise ValueError(
            f"The runner writes a copy of the config into its folder, and {copy} would "
            "be replaced, which is no such copy. Name another --work-dir."
        )


def _check_flexible(config: Config) -> None:
    """Stop, or warn, where mmengine's FlexibleRunner goes wrong.

    It loads weights before its EMAHook has a copy for them, and after a validation that
    was the best so far writes the checkpoint again as that of one iteration later.
    ``tools/train.py`` has put a checkpoint to be resumed into ``load_from``, too.
    """
    if type_name(dict(type=config.get("runner_type", "Runner"))) != "FlexibleRunner":
        return
    checkpoint = (config.get("default_hooks") or {}).get("checkpoint") or {}
    if best := checkpoint.get("save_best"):
        warn(
            f"{config.filename} has save_best={best!r} in default_hooks.checkpoint, "
            "with which a training by mmengine's FlexibleRunner leaves out one "
            "iteration (by epochs: one epoch) if it is resumed."
        )
    hooks = [type_name(hook) for hook in config.get("custom_hooks") or []]
    if config.get("load_from") and "EMAHook" in hooks:
        raise ValueError(
            f"{config.filename} has EMAHook in custom_hooks, with which mmengine's "
            f"FlexibleRunner loads no checkpoint (load_from={config.load_from!r}). "
            "Leave runner_type out (tools/dist_train.sh trains with DDP without it), "
            "or EMAHook."
        )


def _check_norms(config: Config) -> None:
    """Stop where mmengine would replace norms that hold activations by norms alone."""
    strategy, model = config.get("strategy") or {}, config.get("model") or {}
    asked = config.get("sync_bn") or strategy.get("sync_bn")
    if asked and type_name(model.get("backbone") or {}) == "TIMMBackbone":
        raise ValueError(
            f"{config.filename} has sync_bn={asked!r} and TIMMBackbone, whose norms "
            "hold activations, which mmengine would leave out. Leave out sync_bn."
        )


def _check_strategy(config: Config) -> None:
    """Stop where a strategy is none, or one of several processes that are not there."""
    name = type_name(config.strategy)
    if not name or STRATEGIES.get(name) is None:
        raise ValueError(
            f"{config.filename} has strategy.type={config.strategy.get('type')!r}, "
            "which is not registered; mmengine has SingleDeviceStrategy, DDPStrategy, "
            "FSDPStrategy, DeepSpeedStrategy and ColossalAIStrategy."
        )
    several = ("DDPStrategy", "FSDPStrategy")
    if name in several and config.get("launcher", "none") == "none":
        raise ValueError(
            f"{config.filename} has strategy.type={name!r}, which is for several "
            "processes, and this is one alone: bash tools/dist_train.sh CONFIG N "
            "starts N (1 is allowed)."
        )


def evaluating_runner(config: Config, checkpoint: str) -> Runner:
    """The runner that evaluates a checkpoint.

    It writes the config into its folder as ``<name>-test.py``: that of the training,
    which may lie there, stays as it is.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The weights do not fit the model, or ``sync_bn`` the backbone, or a
            file is in the way of the runner's copy of the config.
    """
    require_checkpoint(checkpoint)
    _check_norms(config)
    path = Path(config.filename)
    name = str(path.with_stem(f"{path.stem}-test"))
    renamed = Config(config.to_dict(), cfg_text=config.text, filename=name)
    require_room(renamed)
    leave_training_hooks(renamed)
    renamed.load_from, renamed.resume = checkpoint, False
    runner = Runner.from_cfg(renamed)
    require_fit(runner.model, checkpoint, config.filename)
    return runner


def leave_processes() -> None:
    """Part from the other processes; gloo may abort at exit otherwise."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
