"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mmseg_maskformer.engine.arguments import output_folder
from mmseg_maskformer.engine.evaluation import enable_tta
from mmseg_maskformer.engine.launch import add_common_arguments, load_config
from mmseg_maskformer.engine.results.files import ResultFiles
from mmseg_maskformer.engine.results.unlabelled import evaluate_nothing, require_labels
from mmseg_maskformer.engine.runners import evaluating_runner, leave_processes
from shared.ending import ending_in_sentences

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Evaluate a checkpoint")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out",
        type=output_folder,
        help="folder to write predictions to, as label maps or in COCO's formats",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace former predictions of --out"
    )
    parser.add_argument(
        "--format-only",
        action="store_true",
        help="evaluate nothing, as for the test set of a server; needs --out",
    )
    parser.add_argument(
        "--tta", action="store_true", help="average over scaled and mirrored images"
    )
    parser.add_argument("--show", action="store_true", help="show predictions")
    parser.add_argument(
        "--show-dir", type=output_folder, help="folder to paint predictions into"
    )
    parser.add_argument(
        "--wait-time", type=float, default=2, help="seconds to show each prediction"
    )
    add_common_arguments(parser)
    args = parser.parse_args()
    if args.format_only and not args.out:
        parser.error("--format-only needs --out FOLDER to write predictions to")
    return args


def paint_predictions(config: Config, args: argparse.Namespace) -> None:
    """Make the runner paint or show every prediction, by the visualizer of its host."""
    config.default_hooks.visualization = {
        "type": "mmseg_maskformer.VisualizationHook",
        "draw": True,
        "show": args.show,
        "wait_time": args.wait_time,
    }
    if args.show_dir:
        config.visualizer.save_dir = str(args.show_dir)


def prepared(args: argparse.Namespace) -> Runner:
    """The runner of what the command line says."""
    config = load_config(args)
    if args.show or args.show_dir:
        paint_predictions(config, args)
    if args.tta:
        enable_tta(config)
    if args.format_only:
        evaluate_nothing(config)
    runner = evaluating_runner(config, args.checkpoint)
    dataset = runner.test_dataloader.dataset
    if not args.format_only:
        require_labels(dataset, config.filename)
    if args.out:  # first: some metrics of the hosts change predictions
        files = ResultFiles(args.out, dataset, replace=args.force)
        runner.test_evaluator.metrics.insert(0, files)
    return runner


def main() -> None:
    """Build the runner and evaluate."""
    args = parse_args()
    with ending_in_sentences():
        runner = prepared(args)
    runner.test()
    leave_processes()


if __name__ == "__main__":
    main()
