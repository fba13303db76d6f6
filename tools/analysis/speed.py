r"""Images per second over a whole validation set, post-processing included.

    python tools/analysis/speed.py CONFIG CHECKPOINT

The paper's protocol: one image after the other, from pixels in memory to label maps,
segments and instances at the original size, as the config's test_cfg says. Loading does
not count, nor do the first five images where there are more. Configs of either host;
tools/compare.py prints the same number for several configs beside their scores.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import mmseg_maskformer  # noqa: E402, F401  (hosts without compiled operators)
from benchmark_lib.speed import Times, timed_predictions  # noqa: E402
from mmseg_maskformer.engine.arguments import add_cfg_options, at_least_one  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument(
        "checkpoint", help="what a model predicts decides how long its result takes"
    )
    parser.add_argument(
        "--images", type=at_least_one, help="the first so many; default: all"
    )
    add_cfg_options(parser)
    return parser.parse_args()


@torch.no_grad()
def measure(args: argparse.Namespace) -> tuple[Times, int]:
    """Predict the validation images one by one; also how many there were."""
    from mmengine.runner import Runner

    from mmseg_maskformer.engine.config_files import read_config
    from mmseg_maskformer.engine.evaluation import loader_of
    from mmseg_maskformer.engine.models import trained_model

    config = read_config(args.config, args.cfg_options)
    images = dict(loader_of(config, "val"), batch_size=1)
    model = trained_model(config, args.checkpoint).eval()
    loader = Runner.build_dataloader(images)
    number = min(len(loader), args.images or len(loader))
    if not number:
        raise SystemExit(
            f"The val_dataloader of {args.config} gives no image; look at its dataset."
        )
    with timed_predictions(model) as times:
        for batch in itertools.islice(loader, number):
            model.test_step(batch)
    return times, number


@ending_in_sentences()
def main() -> None:
    """Measure and print."""
    from mmengine.device import get_device

    times, number = measure(parse_args())
    device = get_device()
    name = torch.cuda.get_device_name() if device == "cuda" else device.upper()
    print(
        f"{times.images_per_second:.2f} images/s: {times.images} images in "
        f"{times.seconds:.1f} s on {name}, {torch.get_num_threads()} threads, after "
        f"{number - times.images} that do not count"
    )


if __name__ == "__main__":
    main()
