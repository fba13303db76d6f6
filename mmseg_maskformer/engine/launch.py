"""From a command line to a config that a runner can be built from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.config import Config
from mmengine.device import get_device

from mmseg_maskformer.registry import type_name

from .arguments import add_cfg_options, output_folder
from .config_files import read_config

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_runner_arguments(parser: ArgumentParser) -> None:
    """Add what :func:`load_config` reads, for scripts that run in one process."""
    parser.add_argument(
        "--work-dir", type=output_folder, help="folder of logs and checkpoints"
    )
    add_cfg_options(parser)
    parser.set_defaults(launcher="none", local_rank=0)


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that training and testing share, in several processes too."""
    add_runner_arguments(parser)
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
    kind = type_name(strategy)
    if kind == "DDPStrategy":
        strategy.model_wrapper = {**data_parallel, **given, "device_ids": None}
    elif kind == "FSDPStrategy":
        strategy.model_wrapper = {**given, "device_id": "cpu"}
