"""Peak memory of a training step against the number of classes.

    python tools/analysis/memory_by_classes.py --size 256 --json memory.json

R50 models of PerPixelBaseline+ (as this package trains it, and with the usual dense
loss), of mmseg's MaskFormer and of ours; the same images and label maps. Peak is what
PyTorch's allocator held at most in one step, forward and backward, on top of weights
and inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

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
from mmseg_maskformer.engine.arguments import image_size, output_file  # noqa: E402

METHODS: dict[str, Callable[[Settings], measure.Variant]] = {
    "PerPixelBaseline+, dense loss": per_pixel_side.dense_train_step,
    "PerPixelBaseline+, ours": per_pixel_side.train_step,
    "MaskFormer of mmseg": mmseg_side.train_step,
    "MaskFormer, ours": our_side.train_step,
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, nargs="+", default=[19, 150, 847])
    parser.add_argument(
        "--size", type=image_size, default="256", help="S or HxW of the inputs"
    )
    parser.add_argument("--batch", type=int, default=2, help="images")
    parser.add_argument("--segments", type=int, default=9, help="of an image")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--json", type=output_file, help="write everything to this file"
    )
    parser.add_argument("--plot", type=output_file, help="paint this picture")
    return parser.parse_args()


def peak_mib(method: str, classes: int, args: argparse.Namespace) -> float:
    """Peak of one step in MiB."""
    settings = Settings(
        size=args.size,
        batch=args.batch,
        classes=classes,
        segments=args.segments,
        queries=100,
        layers=6,
        device=torch.device(args.device),
        amp=None,
        seed=args.seed,
        kept=0,
    )
    variant = METHODS[method](settings)
    return measure.memory(variant, settings.device)["peak"] / 2**20


def plot(peaks: dict[str, dict[int, float]], path: Path) -> None:
    """Peak against classes, a line per method."""
    figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for method, values in peaks.items():
        gib = [value / 1024 for value in values.values()]
        axes.plot(list(values), gib, "o-", label=method, markersize=4)
    axes.set(xlabel="classes", ylabel="peak of a training step (GiB)", ylim=(0, None))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def table(peaks: dict[str, dict[int, float]]) -> str:
    """Peaks in MiB as Markdown."""
    classes = list(next(iter(peaks.values())))
    rows = [["peak (MiB)", *(f"K = {k}" for k in classes)]]
    rows.append(["---", *("--:" for _ in classes)])
    rows += [
        [name, *(f"{x:,.0f}" for x in row.values())] for name, row in peaks.items()
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    MMLogger.get_instance("memory").setLevel("ERROR")  # hosts report every init
    peaks: dict[str, dict[int, float]] = {}
    for method in METHODS:
        for classes in args.classes:
            value = peak_mib(method, classes, args)
            peaks.setdefault(method, {})[classes] = value
            print(f"{method}, {classes} classes: {value:,.0f} MiB", flush=True)
    print(table(peaks))
    report = dict(environment=environment(args.device, args.seed), peak_mib=peaks)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.plot:
        plot(peaks, args.plot)


if __name__ == "__main__":
    main()
