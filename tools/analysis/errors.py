"""What a model gets wrong: kinds of errors, confused classes, the worst images.

python tools/analysis/errors.py CONFIG CHECKPOINT --out errors

evaluates a semantic or panoptic model on its validation images and writes errors.csv
(missed, invented, split, merged, inaccurate and wrongly classified segments by class
and size), confusion.csv (pixels of each true and predicted class, void among them),
images.csv (images by their errors), errors.png with both as a chart, and worst.png with
the images that have most errors, their truth and prediction.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mmengine.config import Config

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.core.segment_errors import KINDS  # noqa: E402
from mmseg_maskformer.datasets.metainfo import metainfo_of  # noqa: E402
from mmseg_maskformer.engine.arguments import at_least_one, output_folder  # noqa: E402
from mmseg_maskformer.engine.evaluation import (  # noqa: E402
    evaluate_validation,
    void_of,
)
from mmseg_maskformer.engine.launch import add_runner_arguments, load_config  # noqa: E402
from mmseg_maskformer.engine.runners import evaluating_runner  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.output import markdown_table  # noqa: E402
from shared.prediction_sheet import predict_rows, prediction_sheet  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", type=output_folder, default="errors", help="folder")
    parser.add_argument(
        "--num", type=at_least_one, default=4, help="worst images to paint"
    )
    parser.add_argument(
        "--width", type=at_least_one, default=256, help="of a tile, in pixels"
    )
    add_runner_arguments(parser)
    return parser.parse_args()


def require_maps(config: Config) -> None:
    """Stop where a model knows objects alone, whose masks overlap.

    Raises:
        SystemExit: It does.
    """
    if config.model.get("num_stuff_classes") == 0:
        raise SystemExit(
            f"{config.filename} has num_stuff_classes=0, instances alone, and errors "
            "are counted in maps, where a pixel has one segment. Name a config of a "
            "semantic or panoptic model."
        )


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a table."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def print_kinds(rows: list[dict[str, str]]) -> None:
    """A table in Markdown: how many segments of each kind and size."""
    true, predicted = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in rows:
        true[row["kind"], row["size"]] += int(row["true"])
        predicted[row["kind"], row["size"]] += int(row["predicted"])
    sizes = ("small", "medium", "large")
    lines = (
        (kind, *(f"{true[kind, size]} / {predicted[kind, size]}" for size in sizes))
        for kind in KINDS
    )
    print(markdown_table(("true / predicted segments", *sizes), lines))


def save_chart(out: Path, classes: list[str]) -> None:
    """Errors of each class by kind, and the share of each class that is confused."""
    sums = Counter[tuple[str, str]]()
    for row in read(out / "errors.csv"):
        sums[row["class"], row["kind"]] += int(row["true"]) + int(row["predicted"])
    shown = sorted(classes, key=lambda name: -sum(sums[name, k] for k in KINDS))[:30]
    side = 2 + 0.22 * max(len(shown), 6)
    figure, (bars, matrix) = plt.subplots(
        1, 2, figsize=(2 * side + 1, side), layout="constrained"
    )
    left = np.zeros(len(shown))
    for kind in KINDS:
        width = np.array([sums[name, kind] for name in shown])
        bars.barh(shown, width, left=left, label=kind)
        left += width
    bars.invert_yaxis()
    bars.set(title="segments in error, true and predicted")
    bars.legend(fontsize="small")
    rows = {row["true \\ predicted"]: row for row in read(out / "confusion.csv")}
    names = [*shown, "void"]
    pixels = np.array([[float(rows[a][b]) for b in names] for a in names])
    share = pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    matrix.imshow(share, cmap="Blues", vmin=0, vmax=1)
    matrix.set_xticks(range(len(names)), names, rotation=90)
    matrix.set_yticks(range(len(names)), names)
    matrix.set(title="share of a true class (row)", xlabel="predicted")
    figure.savefig(out / "errors.png", dpi=100)


@ending_in_sentences()
def main() -> None:
    """Evaluate, write, paint."""
    args = parse_args()
    config = load_config(args)
    require_maps(config)
    evaluate_validation(config)
    metric = dict(type="mmseg_maskformer.PanopticErrors", out=str(args.out))
    config.test_evaluator = [metric | void_of(config)]
    runner = evaluating_runner(config, args.checkpoint)
    runner.test()
    print_kinds(read(args.out / "errors.csv"))
    dataset = runner.test_dataloader.dataset
    meta = metainfo_of(dataset)
    save_chart(args.out, list(meta["classes"]))
    worst = [int(row["place"]) for row in read(args.out / "images.csv")[: args.num]]
    rows = predict_rows(runner.model, dataset, worst)
    sheet = prediction_sheet(rows, meta["classes"], meta["palette"], args.width)
    sheet.save(args.out / "worst.png", optimize=True)
    print(f"Tables and pictures: {args.out}")


if __name__ == "__main__":
    main()
