"""Train a model: ``python tools/train.py CONFIG``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mmseg_maskformer.engine.amp import enable_amp
from mmseg_maskformer.engine.arguments import at_least_one
from mmseg_maskformer.engine.finetuning import FinetuneHook, finetune
from mmseg_maskformer.engine.launch import add_common_arguments, load_config
from mmseg_maskformer.engine.resuming import require_no_training, resume
from mmseg_maskformer.engine.runners import build_runner, leave_processes
from mmseg_maskformer.engine.schedule import (
    enable_auto_scale_lr,
    other_epochs,
    scale_schedule,
)
from shared.ending import ending_in_sentences

if TYPE_CHECKING:
    from mmengine.runner import FlexibleRunner, Runner


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a model")
    parser.add_argument("config", help="config file")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--finetune",
        metavar="CHECKPOINT",
        help="begin with the weights of a model of other classes, or of another task",
    )
    begin.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="CHECKPOINT",
        help="go on from a checkpoint, by default the newest of the work directory",
    )
    parser.add_argument(
        "--iterations",
        type=at_least_one,
        help="length of the training, learning rate included",
    )
    parser.add_argument("--amp", action="store_true", help="train in mixed precision")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale lr with the batch size"
    )
    add_common_arguments(parser)
    return parser.parse_args()


def prepared(args: argparse.Namespace) -> Runner | FlexibleRunner:
    """The runner of what the command line says."""
    config = load_config(args)
    if args.iterations is not None:
        for note in scale_schedule(config, args.iterations):
            print(f"--iterations {args.iterations}: {note}.")
    if args.amp:
        enable_amp(config)
    if args.auto_scale_lr:
        enable_auto_scale_lr(config)
    resumed = args.resume or config.get("resume")
    if args.finetune:
        finetune(config, args.finetune)
    elif resumed:
        resume(config, None if resumed is True else resumed)
    if args.finetune or not resumed:
        require_no_training(config.work_dir)
    runner = build_runner(config)
    rates_alone = args.auto_scale_lr and args.iterations is None
    if rates_alone and (note := other_epochs(config, runner.world_size)):
        runner.logger.info(note)
    if args.finetune:
        runner.register_hook(FinetuneHook(args.finetune))
    return runner


def main() -> None:
    """Build the runner and train."""
    args = parse_args()
    with ending_in_sentences():
        runner = prepared(args)
    runner.train()
    leave_processes()


if __name__ == "__main__":
    main()
