"""Scores of every decoder layer of a model, from one pass over the test images.

python tools/analysis/layers.py CONFIG CHECKPOINT --out layers

writes layers.csv with the config's metrics for each layer, as tools/test.py has them
with test_cfg.layer=0, 1, ..., and the class-agnostic average recall of the queries'
masks (AR@100); layers.png with curves; and proposals.png, masks of queries before the
decoder and after its layers (arXiv 2112.01527, Figures 3 and II).
"""

from __future__ import annotations

import argparse
import sys
from math import nan
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.engine.arguments import at_least_one, output_folder  # noqa: E402
from mmseg_maskformer.engine.evaluation import loader_of  # noqa: E402
from mmseg_maskformer.engine.launch import add_runner_arguments, load_config  # noqa: E402
from mmseg_maskformer.engine.runners import evaluating_runner  # noqa: E402
from query_lib.analysis import check_queries, query_predictions  # noqa: E402
from query_lib.drawing import proposal_rows, sheet  # noqa: E402
from query_lib.layers import score_layers  # noqa: E402
from query_lib.trained import Trained, load_masks, require_head  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.output import markdown_table, write_csv  # noqa: E402

# What is printed and plotted, where the config's metrics have it.
SCORES = {"PQ": "PQ", "segm_mAP": "AP", "mIoU": "mIoU", "AR@100": "AR@100"}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", type=output_folder, default="layers", help="folder")
    parser.add_argument("--num", type=at_least_one, default=3, help="images to paint")
    parser.add_argument(
        "--queries", type=int, nargs="+", help="to paint; the two surest of an image"
    )
    parser.add_argument(
        "--width", type=at_least_one, default=128, help="of a tile, in pixels"
    )
    add_runner_arguments(parser)
    return parser.parse_args()


def evaluate(args: argparse.Namespace) -> tuple[Trained, list[dict]]:
    """The model, and a row for each layer."""
    config = load_config(args)
    load_masks(loader_of(config, "test").dataset)
    runner = evaluating_runner(config, args.checkpoint)
    require_head(runner.model, args.config)
    check_queries(args.queries or [], runner.model)
    rows = score_layers(runner)
    return Trained(runner.model, runner.test_dataloader.dataset), rows


def chosen_scores(rows: list[dict]) -> dict[str, str]:
    """Keys of rows that are printed and plotted, and their names."""
    return {
        key: SCORES[key.rpartition("/")[2]]
        for row in rows
        for key in row
        if key.rpartition("/")[2] in SCORES
    }


def print_table(rows: list[dict]) -> None:
    """A table in Markdown."""
    names = chosen_scores(rows)
    header = ["layer", "decoder layers", *names.values()]
    keys = ["layer", "decoder_layers", *names]
    lines = [[row.get(key, "-") for key in keys] for row in rows]
    print(markdown_table(header, lines, left=0))


def save_chart(rows: list[dict], path: Path) -> None:
    """A curve for each score."""
    names = chosen_scores(rows)
    figure, panels = plt.subplots(
        1, len(names), figsize=(2.6 * len(names), 2.4), layout="constrained"
    )
    for axes, (key, name) in zip(figure.axes, names.items(), strict=True):
        axes.plot(
            [x["decoder_layers"] for x in rows], [x.get(key, nan) for x in rows], "o-"
        )
        axes.set(xlabel="decoder layers", title=name)
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def save_proposals(trained: Trained, rows: list[dict], args: Any) -> None:
    """Masks of queries, a row for each query in an image, layers side by side."""
    model, dataset = trained
    indices = range(min(args.num, len(dataset)))
    given, by_layer = model.test_cfg, []
    for row in rows:
        model.test_cfg = dict(given or {}, layer=row["layer"])
        by_layer.append(list(query_predictions(model, dataset, indices)))
    model.test_cfg = given
    tiles = []
    for layers in zip(*by_layer, strict=True):
        numbers = [row["decoder_layers"] for row in rows]
        tiles += proposal_rows(
            layers, numbers, args.queries, trained.metainfo, args.width
        )
    sheet(tiles).save(args.out / "proposals.png", optimize=True)


@ending_in_sentences()
def main() -> None:
    """Evaluate, write, paint."""
    args = parse_args()
    trained, rows = evaluate(args)
    write_csv(args.out / "layers.csv", rows)
    print_table(rows)
    save_chart(rows, args.out / "layers.png")
    save_proposals(trained, rows, args)
    print(f"Scores of {len(rows)} layers: {args.out}")


if __name__ == "__main__":
    main()
