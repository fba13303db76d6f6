"""Plot how reliable the confidence of a segmentor is, and summarise its uncertainty.

python tools/analysis/calibration.py CONFIG CHECKPOINT --out reliability.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mmengine.dist import is_main_process

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.engine.arguments import at_least_one, output_file  # noqa: E402
from mmseg_maskformer.engine.evaluation import (  # noqa: E402
    evaluate_validation,
    void_of,
)
from mmseg_maskformer.engine.launch import add_common_arguments, load_config  # noqa: E402
from mmseg_maskformer.engine.runners import evaluating_runner, leave_processes  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402

PERCENT = ("ECE", "mean_confidence", "right_pixels")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", type=output_file, default="reliability.png", help="file to write"
    )
    parser.add_argument("--bins", type=at_least_one, default=15, help="of confidence")
    add_common_arguments(parser)
    return parser.parse_args()


def evaluate(args: argparse.Namespace) -> tuple[np.ndarray, dict[str, float]]:
    """Counts of every bin, and the metrics."""
    config = load_config(args)
    config.model.setdefault("test_cfg", {})["uncertainty"] = True
    evaluate_validation(config)
    void = void_of(config)
    config.test_evaluator = [
        dict(type="mmseg_maskformer.CalibrationError", bins=args.bins, **void),
        dict(type="mmseg_maskformer.UncertaintySummary", **void),
    ]
    runner = evaluating_runner(config, args.checkpoint)
    found = runner.test()
    return runner.test_evaluator.metrics[0].counts, found


def plot(counts: np.ndarray, found: dict[str, float], path: str) -> None:
    """Share of right pixels and of all pixels against confidence, by bin."""
    width = 1 / len(counts)
    place = (np.arange(len(counts)) + 0.5) * width
    pixels, confidence, right = counts.T
    held = pixels > 0
    figure, (left, side) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.bar(place[held], (right / pixels)[held], width, edgecolor="white")
    left.plot([0, 1], [0, 1], color="black", linewidth=1, label="perfect")
    left.plot((confidence / pixels)[held], (right / pixels)[held], "o", color="C1")
    left.set(xlabel="confidence", ylabel="share of right pixels")
    left.set_title(f"expected calibration error {found['ECE']:.2f} %", fontsize=10)
    left.legend()
    side.bar(place, pixels / pixels.sum(), width, edgecolor="white")
    side.set(xlabel="confidence", ylabel="share of pixels")
    for axes in (left, side):
        axes.set_xlim(0, 1)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


@ending_in_sentences()
def main() -> None:
    """Evaluate and plot."""
    args = parse_args()
    counts, found = evaluate(args)
    if is_main_process():  # it alone has the counts of all images
        for name, value in found.items():
            print(f"{name} {value:.2f} %" if name in PERCENT else f"{name} {value:.3f}")
        with np.errstate(invalid="ignore"):  # empty bins
            plot(counts, found, args.out)
        print(f"Reliability: {args.out}")
    leave_processes()


if __name__ == "__main__":
    main()
