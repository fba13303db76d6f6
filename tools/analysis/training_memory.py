"""Peak memory of a training step against classes, segments or queries.

    python tools/analysis/training_memory.py classes 19 150 847 --size 256
    python tools/analysis/training_memory.py segments 10 100 500
    python tools/analysis/training_memory.py queries 100 500

R50 models on the same images and labels. Against classes: PerPixelBaseline+ as this
package trains it and with the usual dense loss, MMSegmentation's MaskFormer and ours.
Against the others: MMDetection's Mask2Former and ours, or ours alone with the
``--cfg-options`` of a training. Peak is what PyTorch's allocator held at most in one
step, forward and backward, on top of weights and inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces itself

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402

TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]

import mmseg_maskformer  # noqa: E402, F401  (hosts without compiled operators)
from benchmark_lib import measure, mmseg_side, our_side, per_pixel_side  # noqa: E402
from benchmark_lib.environment import environment  # noqa: E402
from benchmark_lib.inputs import Settings  # noqa: E402
from mmseg_maskformer.engine.arguments import (  # noqa: E402
    add_cfg_options,
    at_least_one,
    image_size,
    output_file,
)
from shared.output import markdown_table  # noqa: E402

VARIED = ("classes", "segments", "queries")
CLASSES = 133  # of the Mask2Formers
Method = Callable[[Settings], measure.Variant]

SEMANTIC: dict[str, Method] = {
    "PerPixelBaseline+, dense loss": per_pixel_side.dense_train_step,
    "PerPixelBaseline+, ours": per_pixel_side.train_step,
    "MaskFormer of mmseg": mmseg_side.train_step,
    "MaskFormer, ours": our_side.train_step,
}


def panoptic(options: dict[str, Any]) -> dict[str, Method]:
    """Mask2Former of both sides, or ours alone with ``options``."""
    from benchmark_lib import mask2former  # needs MMDetection

    def ours(settings: Settings) -> measure.Variant:
        config = mask2former.our_model(settings, options)
        return mask2former.step("ours", settings, config)

    def theirs(settings: Settings) -> measure.Variant:
        return mask2former.step("mmdet", settings, mask2former.their_model(settings))

    methods: dict[str, Method] = {
        "Mask2Former of mmdet": theirs,
        "Mask2Former, ours": ours,
    }
    if options:
        del methods["Mask2Former of mmdet"]
    return methods


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=VARIED)
    parser.add_argument(
        "numbers", type=at_least_one, nargs="+", help="how many of them"
    )
    parser.add_argument(
        "--size", type=image_size, default="512", help="S or HxW of the inputs"
    )
    parser.add_argument("--batch", type=at_least_one, default=2, help="images")
    parser.add_argument("--segments", type=at_least_one, default=9, help="of an image")
    parser.add_argument("--queries", type=at_least_one, default=100)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--json", type=output_file, help="write everything to this file"
    )
    parser.add_argument("--plot", type=output_file, help="paint this picture")
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.cfg_options and args.what == "classes":
        parser.error("--cfg-options are of Mask2Former: vary segments or queries.")
    return args


def peak_mib(method: Method, number: int, args: argparse.Namespace) -> float:
    """Peak of one step in MiB, with ``number`` of what is varied."""
    counts = dict(classes=CLASSES, segments=args.segments, queries=args.queries)
    counts[args.what] = number
    settings = Settings(
        size=args.size,
        batch=args.batch,
        layers=6,
        device=torch.device(args.device),
        amp=None,
        seed=args.seed,
        kept=0,
        **counts,
    )
    return measure.memory(method(settings), settings.device)["peak"] / 2**20


def plot(peaks: dict[str, dict[int, float]], what: str, path: Path) -> None:
    """Peak against what is varied, a line per method."""
    figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for method, values in peaks.items():
        gib = [value / 1024 for value in values.values()]
        axes.plot(list(values), gib, "o-", label=method, markersize=4)
    axes.set(xlabel=what, ylabel="peak of a training step (GiB)", ylim=(0, None))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def table(peaks: dict[str, dict[int, float]], what: str) -> str:
    """Peaks in MiB as Markdown."""
    numbers = list(next(iter(peaks.values())))
    head = ["peak (MiB)", *(f"{number} {what}" for number in numbers)]
    rows = [(name, *(f"{x:,.0f}" for x in row.values())) for name, row in peaks.items()]
    return markdown_table(head, rows)


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    MMLogger.get_instance("memory").setLevel("ERROR")  # hosts report every init
    peaks: dict[str, dict[int, float]] = {}
    methods = SEMANTIC if args.what == "classes" else panoptic(args.cfg_options)
    for name, method in methods.items():
        for number in args.numbers:
            value = peak_mib(method, number, args)
            peaks.setdefault(name, {})[number] = value
            print(f"{name}, {number} {args.what}: {value:,.0f} MiB", flush=True)
    print(table(peaks, args.what))
    report = dict(environment=environment(args.device, args.seed), peak_mib=peaks)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.plot:
        plot(peaks, args.what, args.plot)


if __name__ == "__main__":
    main()
