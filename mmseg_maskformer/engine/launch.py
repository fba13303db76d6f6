"""From a command line to a config that a runner can be built from."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import BaseModel, revert_sync_batchnorm
from mmengine.registry import MODELS, RUNNERS, STRATEGIES, init_default_scope
from mmengine.runner import FlexibleRunner, Runner, load_checkpoint

from mmseg_maskformer.checkpoints.loading import require_fit
from mmseg_maskformer.datasets.metainfo import check_class_order, saved_classes

from .arguments import add_cfg_options, output_folder
from .config_files import config_of_file, override
from .evaluation import leave_training_hooks

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that training and testing share."""
    parser.add_argument(
        "--work-dir", type=output_folder, help="folder of logs and checkpoints"
    )
    add_cfg_options(parser)
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how several processes were started",
    )
    # torch.distributed.launch passes one of the two spellings, by its version.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0)


def load_config(args: Namespace) -> Config:
    """Read the config of a command line and apply what the command line overrides."""
    config = read_config(args.config, args.cfg_options)
    config.launcher = args.launcher
    default_work_dir = config.get("work_dir") or f"work_dirs/{Path(args.config).stem}"
    config.work_dir = str(args.work_dir or default_work_dir)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    if args.launcher != "none" and get_device() == "cpu":
        _use_cpu_processes(config)
    return config


def read_config(path: str, overrides: dict) -> Config:
    """The config of a file, with the settings that override it.

    A preprocessor that stands beside the model goes into a model that has none, where
    the runner would put it.

    Raises:
        SystemExit: There is no such file, it cannot be read, or a setting would have no
            effect.
    """
    require_file(path, "config")
    config = config_of_file(path)
    override(config, overrides)
    if "model" in config and "data_preprocessor" in config:
        config.model.setdefault("data_preprocessor", config.data_preprocessor)
    return config


class MissingFileExit(SystemExit):
    """What a command line names is not there."""


def require_file(path: str, kind: str) -> None:
    """Exit with a message when ``path`` is not a file."""
    if not Path(path).is_file():
        raise MissingFileExit(
            f"There is no {kind} file {path} (looked from {Path.cwd()})."
        )


def require_checkpoint(path: str) -> None:
    """Exit with a message when ``path`` is neither a file nor an address."""
    if "://" not in path:
        require_file(path, "checkpoint")


def enable_amp(config: Config) -> None:
    """Switch to mixed precision: float16 on an accelerator, bfloat16 on the CPU.

    A config that has one already keeps it, but for float16 on the CPU.

    Raises:
        SystemExit: The config has an optimizer wrapper of another type.
    """
    wrapper = config.optim_wrapper
    kind = wrapper.get("type", "OptimWrapper")
    if _half_without_gpu(kind):
        for key in ("dtype", "loss_scale", "use_fsdp"):
            wrapper.pop(key, None)
        kind = "OptimWrapper"
    if kind.rpartition(".")[2] in ("AmpOptimWrapper", "BFloat16OptimWrapper"):
        return
    if kind != "OptimWrapper":
        raise SystemExit(
            f"--amp replaces the optim_wrapper type OptimWrapper, but the config has "
            f"{kind}: set its mixed precision in the config."
        )
    if get_device() == "cpu":
        wrapper.type = "mmseg_maskformer.BFloat16OptimWrapper"
    else:
        wrapper.type = "AmpOptimWrapper"
        wrapper.loss_scale = "dynamic"


def _half_without_gpu(wrapper: Any) -> bool:
    """Whether an optimizer's wrapper of that type wants a GPU that is not there."""
    name = str(wrapper).rpartition(".")[2]  # without the scope of a registry
    return name == "AmpOptimWrapper" and get_device() == "cpu"


def untrained_model(config: Config) -> BaseModel:
    """The model of a config of either host; nothing is downloaded."""
    init_default_scope(config.get("default_scope", "mmseg"))
    settings = copy.deepcopy(config.model)
    if settings.backbone.get("pretrained") is True:  # timm would download
        settings.backbone.pretrained = False
    return revert_sync_batchnorm(MODELS.build(settings))


def trained_model(config: Config, checkpoint: str, device: str = "") -> BaseModel:
    """The model of a config of either host with its weights; on a GPU if there is one.

    Its ``dataset_meta`` has the ``classes`` that the file names, if it names any.

    Raises:
        ValueError: The weights do not fit it.
    """
    require_checkpoint(checkpoint)
    model = untrained_model(config)
    require_fit(model, checkpoint, config.filename)
    loaded = load_checkpoint(model, checkpoint, map_location="cpu")
    model.dataset_meta = dict(classes=saved_classes(loaded))
    return model.to(device or get_device())


def require_class_order(model: BaseModel, classes: Sequence[str], name: str) -> None:
    """Refuse a trained model whose classes have other numbers than data.

    Args:
        model: from :func:`trained_model`.
        classes: of the data that its results are named by; none where nobody knows.
        name: of the config, for messages.

    Raises:
        ValueError: A class has another number in the model's checkpoint.
    """
    saved = model.dataset_meta["classes"]
    check_class_order(("the checkpoint", saved), (name, classes))


def evaluating_runner(config: Config, checkpoint: str) -> Runner:
    """The runner that evaluates a checkpoint.

    It writes the config into its folder as ``<name>-test.py``: that of the training,
    which may lie there, stays as it is. Weights that do not fit the model end in a
    ``ValueError`` when they are loaded.
    """
    require_checkpoint(checkpoint)
    path = Path(config.filename)
    name = str(path.with_stem(f"{path.stem}-test"))
    renamed = Config(config.to_dict(), cfg_text=config.text, filename=name)
    leave_training_hooks(renamed)
    renamed.load_from, renamed.resume = checkpoint, False
    runner = Runner.from_cfg(renamed)
    require_fit(runner.model, checkpoint, config.filename)
    return runner


def enable_auto_scale_lr(config: Config) -> None:
    """Scale the learning rate with the batch size the config was made for."""
    if "base_batch_size" not in config.get("auto_scale_lr", {}):
        raise SystemExit(
            "--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the "
            "config, the total batch size that its learning rate is meant for."
        )
    config.auto_scale_lr.enable = True


def build_runner(config: Config) -> Runner | FlexibleRunner:
    """The runner that trains a config: mmengine's, or that of ``runner_type``.

    Raises:
        SystemExit: There is no such runner or strategy, or the runner does not read
            ``strategy``, or the optimizer's wrapper or one process does not suit it, or
            there is no GPU for float16.
    """
    kind, strategy = config.get("runner_type", "Runner"), config.get("strategy")
    if isinstance(kind, str) and RUNNERS.get(kind) is None:
        raise SystemExit(
            f"{config.filename} has runner_type={kind!r}, which is not registered; "
            "mmengine has Runner and FlexibleRunner."
        )
    if strategy and kind == "Runner":
        raise SystemExit(
            f"{config.filename} has strategy={dict(strategy)}, which mmengine's Runner "
            "does not read; set runner_type='FlexibleRunner', or leave strategy out."
        )
    name = str(strategy.get("type")).rpartition(".")[2] if strategy else ""
    _check_processes(config, name)
    if name == "FSDPStrategy":
        strategy["type"] = "mmseg_maskformer.FSDPStrategy"
    given = (config.get("optim_wrapper") or {}).get("type", "OptimWrapper")
    if _half_without_gpu(given):
        raise SystemExit(
            f"{config.filename} trains in float16 (optim_wrapper.type={given!r}), "
            "which needs a GPU; tools/train.py --amp trains it in bfloat16 on the CPU."
        )
    if name == "DeepSpeedStrategy" and given != "DeepSpeedOptimWrapper":
        raise SystemExit(
            f"{config.filename} has optim_wrapper.type={given!r}, past which DeepSpeed "
            "would not see a gradient; set optim_wrapper=dict(_delete_=True, "
            "type='DeepSpeedOptimWrapper', optimizer=...), and gradient_clipping of "
            "strategy instead of clip_grad."
        )
    return RUNNERS.build(config)


def _check_processes(config: Config, strategy: str) -> None:
    """Stop where a strategy is none, or one of several processes that are not there."""
    if strategy and STRATEGIES.get(strategy) is None:
        raise SystemExit(
            f"{config.filename} has strategy.type={config.strategy.get('type')!r}, "
            "which is not registered; mmengine has SingleDeviceStrategy, DDPStrategy, "
            "FSDPStrategy, DeepSpeedStrategy and ColossalAIStrategy."
        )
    several = ("DDPStrategy", "FSDPStrategy")
    if strategy in several and config.get("launcher", "none") == "none":
        raise SystemExit(
            f"{config.filename} has strategy.type={strategy!r}, which is for several "
            "processes, and this is one alone: bash tools/dist_train.sh CONFIG N "
            "starts N (1 is allowed)."
        )


def leave_processes() -> None:
    """Part from the other processes; gloo may abort at exit otherwise."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _use_cpu_processes(config: Config) -> None:
    """Make several processes work without an accelerator, which the runner cannot."""
    if config.launcher == "pytorch" and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    config.env_cfg.dist_cfg.backend = "gloo"
    data_parallel = {
        "type": "MMDistributedDataParallel",
        "broadcast_buffers": False,
        "find_unused_parameters": config.get("find_unused_parameters", False),
    }
    given = config.get("model_wrapper_cfg", {})
    config.model_wrapper_cfg = {**data_parallel, **given, "device_ids": None}
    if config.get("runner_type") != "FlexibleRunner":
        return
    if not config.get("strategy"):
        config.strategy = dict(type="DDPStrategy")
    strategy = config.strategy
    given = strategy.get("model_wrapper") or {}
    if strategy.type == "DDPStrategy":
        strategy.model_wrapper = {**data_parallel, **given, "device_ids": None}
    elif strategy.type.endswith("FSDPStrategy"):
        strategy.model_wrapper = {**given, "device_id": "cpu"}
