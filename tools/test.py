"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mmseg_maskformer.engine.launch import (
    add_common_arguments,
    enable_tta,
    evaluating_runner,
    leave_processes,
    load_config,
)

if TYPE_CHECKING:
    from mmengine.config import Config


_CLASSES_OF_A_MAP = 256


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Evaluate a checkpoint")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", help="folder to write the predicted label maps to")
    parser.add_argument(
        "--tta", action="store_true", help="average over scaled and mirrored images"
    )
    parser.add_argument("--show", action="store_true", help="show predictions")
    parser.add_argument("--show-dir", help="folder to paint predictions into")
    parser.add_argument(
        "--wait-time", type=float, default=2, help="seconds to show each prediction"
    )
    add_common_arguments(parser)
    return parser.parse_args()


def paint_predictions(config: Config, args: argparse.Namespace) -> None:
    """Make the runner paint or show every prediction, by the visualizer of its host."""
    if config.get("default_scope") not in ("mmseg", "mmdet"):
        raise SystemExit(
            f"--show and --show-dir need default_scope 'mmseg' or 'mmdet' in "
            f"{config.filename}, which has {config.get('default_scope')!r}."
        )
    config.default_hooks.visualization = {
        "type": "mmseg_maskformer.PaintHook",
        "show": args.show,
        "wait_time": args.wait_time,
        "named_by_image": config.default_scope == "mmseg",
    }
    if args.show_dir:
        config.visualizer.save_dir = args.show_dir


def write_label_maps(config: Config, folder: str) -> None:
    """Make the evaluator write the predicted label maps.

    Raises:
        SystemExit: The config evaluates with a metric that cannot write them, or the
            model has more classes than the host's 8-bit maps hold.
    """
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    writers = [x for x in evaluators if x["type"].rpartition(".")[2] == "IoUMetric"]
    if not writers:
        names = [evaluator["type"] for evaluator in evaluators]
        raise SystemExit(
            f"--out needs an IoUMetric in test_evaluator, but {config.filename} has "
            f"{names}, which write no label maps; --show-dir paints pictures."
        )
    heads = config.model.decode_head
    classes = (heads[-1] if isinstance(heads, list) else heads).num_classes
    if classes > _CLASSES_OF_A_MAP:
        raise SystemExit(
            f"--out writes 8-bit maps by IoUMetric, and {config.filename} has "
            f"{classes} classes; take pred_sem_seg of inference_model."
        )
    writers[0]["output_dir"] = folder


def main() -> None:
    """Build the runner and evaluate."""
    args = parse_args()
    config = load_config(args)
    if args.out:
        write_label_maps(config, args.out)
    if args.show or args.show_dir:
        paint_predictions(config, args)
    if args.tta:
        enable_tta(config)
    evaluating_runner(config, args.checkpoint).test()
    leave_processes()


if __name__ == "__main__":
    main()
