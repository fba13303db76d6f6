"""Train and evaluate a small MaskFormer on rendered scenes: ``python tools/demo.py``.

Nothing is downloaded. The host's own log goes to the work directory. ``--panoptic``
trains the panoptic model, in MMDetection's pipeline, ``--mask2former`` a panoptic
Mask2Former on the same scenes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.datasets.image_scales import spread
from mmseg_maskformer.engine.arguments import at_least_one
from mmseg_maskformer.engine.launch import add_runner_arguments, load_config
from mmseg_maskformer.engine.runners import build_runner
from shared.ending import ending_in_sentences
from shared.prediction_sheet import PanopticRow, predict_rows, prediction_sheet
from shared.progress import LastTable, ProgressHook, quiet_host

CHECKOUT = Path(__file__).resolve().parent.parent
CONFIGS = CHECKOUT / "configs"
CONFIG = CONFIGS / "demo" / "maskformer_tiny_scenes.py"
VARIANTS = {
    "panoptic": "demo/maskformer_tiny_scenes-panoptic.py",
    "mask2former": "mask2former/mask2former_tiny_scenes-panoptic.py",
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    for name, path in VARIANTS.items():
        which.add_argument(
            f"--{name}",
            dest="config",
            action="store_const",
            const=str(CONFIGS / path),
            help=f"instead of the semantic demo: configs/{path}",
        )
    parser.add_argument(
        "--num", type=at_least_one, default=6, help="scenes on the sheet of predictions"
    )
    parser.set_defaults(config=str(CONFIG))
    add_runner_arguments(parser)
    return parser.parse_args()


def train(
    config: Config, progress: ProgressHook, table: LastTable
) -> Runner | FlexibleRunner:
    """Build the runner and train; the last evaluation ends it."""
    runner = build_runner(config)
    runner.register_hook(progress)
    runner.logger.addHandler(table)
    runner.train()
    return runner


def save_sheet(runner: Runner | FlexibleRunner, num: int) -> Path:
    """Paint predictions of held-out scenes into the work directory."""
    dataset = runner.val_dataloader.dataset
    rows = predict_rows(runner.model, dataset, spread(num, len(dataset)))
    meta = dataset.metainfo
    path = Path(runner.work_dir) / "predictions.png"
    width = 384 if isinstance(rows[0], PanopticRow) else 192  # names need room
    prediction_sheet(rows, meta["classes"], meta["palette"], width).save(path)
    return path


@ending_in_sentences()
def main() -> None:
    """Train, show the result, save the sheet."""
    args = parse_args()
    network = "Mask2Former" if "mask2former" in Path(args.config).stem else "MaskFormer"
    print(f"Training {network} on rendered scenes", flush=True)
    progress, table = ProgressHook(), LastTable()
    started = time.monotonic()
    with quiet_host():
        config = load_config(args)
        runner = train(config, progress, table)
        sheet = save_sheet(runner, args.num)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(table.text)
    held_out = runner.val_dataloader.dataset
    name = "PQ" if "PQ" in progress.metrics else "mIoU"
    print(
        f"Held-out {name} {progress.metrics[name]:.2f}: {len(held_out)} scenes of "
        f"another seed, {len(held_out.metainfo['classes'])} classes"
    )
    print(f"Took {minutes} min {seconds} s. Log and checkpoint: {runner.work_dir}")
    print(f"Image, truth and prediction: {sheet}")


if __name__ == "__main__":
    main()
