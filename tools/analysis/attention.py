"""Share of the queries' attention that lies on their segments, and pictures of it.

python tools/analysis/attention.py CONFIG CHECKPOINT --out attention

runs the model over its validation set, matches queries to segments as training does,
and writes attention.csv, for each decoder layer the mean share of the cross-attention
that lies on the segment of the query, and attention.png (arXiv 2112.01527, Table I b
and Figure I a). With --against CONFIG CHECKPOINT, say of plain attention, both have
columns and rows of their own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.engine.arguments import (  # noqa: E402
    add_cfg_options,
    at_least_one,
    output_folder,
)
from mmseg_maskformer.visualization.images import picture_of_input  # noqa: E402
from query_lib.against import check_images, check_lengths  # noqa: E402
from query_lib.analysis import QueryError  # noqa: E402
from query_lib.attention import ImageAttention, matched_attention  # noqa: E402
from query_lib.drawing import Tile, attention_row, sheet  # noqa: E402
from query_lib.trained import Trained, load  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.output import write_csv  # noqa: E402


class Shares(NamedTuple):
    """What is counted of a model."""

    layers: np.ndarray  # (L, N) of N matched queries
    areas: np.ndarray  # (N,) of their segments
    labels: np.ndarray  # (N,) of their segments


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", type=output_folder, default="attention", help="folder")
    parser.add_argument(
        "--against",
        nargs=2,
        metavar=("CONFIG", "CHECKPOINT"),
        help="model with other attention",
    )
    parser.add_argument(
        "--images", type=at_least_one, help="so many of the set; all of them"
    )
    parser.add_argument("--num", type=at_least_one, default=3, help="images to paint")
    parser.add_argument(
        "--width", type=at_least_one, default=128, help="of a tile, in pixels"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def analyse(trained: Trained, args: argparse.Namespace) -> tuple[Shares, list]:
    """Shares over the images, and the attention in the first of them."""
    number = min(args.images or len(trained.dataset), len(trained.dataset))
    shares, areas, labels = [], [], []
    first: list[ImageAttention] = []
    for found in matched_attention(*trained, range(number)):
        shares.append(found.shares)
        areas.append(found.areas)
        labels.append(found.labels)
        if len(first) < args.num:
            first.append(found)
    if not shares:
        raise QueryError(f"None of the {number} images has a segment.")
    numbers = np.concatenate(areas), np.concatenate(labels)
    return Shares(np.concatenate(shares, axis=1), *numbers), first


def check_data(datasets: list[Any], num: int) -> None:
    """Stop before any prediction where two models have other images.

    Args:
        datasets: of one model, or of two.
        num: so many images are looked at.

    Raises:
        QueryError: They differ.
    """
    for other in datasets[1:]:
        check_lengths(datasets[0], other)
        for place in range(min(num, len(other))):
            pair = (picture_of_input(x[place]["inputs"]) for x in (datasets[0], other))
            check_images(*pair)


def table(models: dict[str, Shares], num_things: int) -> list[dict]:
    """Mean shares in percent: of each layer, of all, of things; and areas of segments.

    Args:
        models: what is counted, by the name of the column.
        num_things: classes 0..num_things-1 are things; 0 for no rows of things.
    """
    rows: list[dict] = []
    depth = max(len(x.layers) for x in models.values())
    for layer in range(depth):
        values = {n: x.layers[layer : layer + 1] for n, x in models.items()}
        rows.append(_row(layer + 1, values))
    rows.append(_row("all", {n: x.layers for n, x in models.items()}))
    rows.append(_row("area of the segment", {n: x.areas for n, x in models.items()}))
    if num_things:
        of = {n: x.labels < num_things for n, x in models.items()}
        shares = {n: x.layers[:, of[n]] for n, x in models.items()}
        rows.append(_row("all, of things", shares))
        areas = {n: x.areas[of[n]] for n, x in models.items()}
        rows.append(_row("area of the thing", areas))
    return rows


def _row(name: str | int, values: dict[str, np.ndarray]) -> dict:
    """Means in percent, empty where there is nothing to average."""
    means = {
        n: round(100 * float(x.mean()), 2) if x.size else "" for n, x in values.items()
    }
    return {"layer": name, **means}


def painted(found: list[list[ImageAttention]], meta: dict, width: int) -> list:
    """A row for each model, of the largest thing of an image, else its largest part."""
    things = len(meta.get("thing_classes", ())) or len(meta["classes"])
    rows: list[list[Tile]] = []
    for images in zip(*found, strict=True):
        first = images[0]
        place = int(np.argmax(first.areas + (first.labels < things)))
        for image in images:
            same = (image.masks == first.masks[place]).all(axis=(1, 2))
            if same.any():
                rows.append(attention_row(image, int(same.argmax()), meta, width))
    return rows


@ending_in_sentences()
def main() -> None:
    """Run, count, paint."""
    args = parse_args()
    names = ["share", "against"]
    trained = [load(args.config, args.checkpoint, args.cfg_options, masks=True)]
    if args.against:
        config, checkpoint = args.against
        trained.append(load(config, checkpoint, args.cfg_options, masks=True))
    check_data([x.dataset for x in trained], args.num)
    results = [analyse(x, args) for x in trained]
    counted = [shares for shares, _ in results]
    things = len(trained[0].metainfo.get("thing_classes", ()))
    rows = table(dict(zip(names, counted, strict=False)), things)
    write_csv(args.out / "attention.csv", rows)
    meta = trained[0].metainfo
    tiles = painted([first for _, first in results], meta, args.width)
    sheet(tiles).save(args.out / "attention.png", optimize=True)
    for row in rows:
        print(" ".join(str(cell) for cell in row.values()))
    print(f"Attention of {len(counted[0].areas)} matched queries: {args.out}")


if __name__ == "__main__":
    main()
