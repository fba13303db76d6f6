"""Which classes the queries of a model predict, and where (paper section 4.4).

python tools/analysis/queries.py CONFIG CHECKPOINT --out queries

writes queries.csv (classes per query), classes.csv (queries per class), queries.png
(the paper's figure) and overlays.png (masks of the most used queries). With a panoptic
model of the same images, --against CONFIG CHECKPOINT, against.csv and against.png show
how many queries share the things of a class (paper Figure I).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.engine.arguments import (  # noqa: E402
    add_cfg_options,
    at_least_one,
    output_folder,
)
from query_lib.against import (  # noqa: E402
    Case,
    QueryComparison,
    check_lengths,
    compare,
    comparison_table,
    semantic_labels,
)
from query_lib.analysis import (  # noqa: E402
    QueryRecord,
    check_queries,
    class_table,
    examples,
    most_used,
    query_predictions,
    query_table,
)
from query_lib.drawing import comparison_tiles, query_tile, sheet  # noqa: E402
from query_lib.trained import Trained, load  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.output import write_csv  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", type=output_folder, default="queries", help="folder")
    parser.add_argument("--queries", type=int, nargs="+", help="to paint; most used")
    parser.add_argument(
        "--num", type=at_least_one, default=6, help="queries and images to paint"
    )
    parser.add_argument(
        "--width", type=at_least_one, default=192, help="of a tile, in pixels"
    )
    parser.add_argument("--min-score", type=float, default=0.0, help="of a prediction")
    parser.add_argument(
        "--against",
        nargs=2,
        metavar=("CONFIG", "CHECKPOINT"),
        help="panoptic model of the same images",
    )
    add_cfg_options(parser)
    return parser.parse_args()


def save_chart(rows: list[dict], path: Path) -> None:
    """Bars of the unique classes of each query, in descending order."""
    figure, axes = plt.subplots(figsize=(6, 2.5), layout="constrained")
    axes.bar(range(len(rows)), [row["unique_classes"] for row in rows], width=1)
    axes.set(xlabel="query, sorted", ylabel="unique classes")
    axes.locator_params(integer=True)
    figure.savefig(path, dpi=100)


def save_overlays(trained: Trained, record: QueryRecord, args: Any) -> None:
    """A row of images for each chosen query, for each of its classes one first."""
    meta = trained.metainfo
    rows = []
    for query in args.queries or most_used(record.labels, args.num):
        chosen = examples(record.labels[:, query], args.num)
        found = query_predictions(*trained, chosen, args.min_score)
        painting = (query, meta["classes"], meta["palette"], args.width)
        rows.append([query_tile(image, *painting) for image in found])
    rows = [row for row in rows if row]
    if not rows:
        print("No picture: the chosen queries predict no class in any image.")
        return
    sheet(rows).save(args.out / "overlays.png")


def save_comparison(trained: Trained, other: Trained, args: Any) -> None:
    """The table and the sheet of two models."""
    ours, theirs = (
        query_predictions(*x, None, args.min_score) for x in (trained, other)
    )
    labels = semantic_labels(trained.metainfo, other.metainfo)
    cases: list[Case] = []
    shown: dict[int, QueryComparison] = {}
    for found in compare(ours, theirs, labels):
        cases.append(found.case())
        if len(shown) < args.num:
            shown.setdefault(found.label, found)
    if not cases:
        print("No comparison: no image holds two things of one class.")
        return
    write_csv(args.out / "against.csv", comparison_table(cases))
    classes = trained.metainfo["classes"]
    rows = [comparison_tiles(x, classes, args.width) for x in shown.values()]
    sheet(rows).save(args.out / "against.png")


@ending_in_sentences()
def main() -> None:
    """Count, write and paint."""
    args = parse_args()
    trained = load(args.config, args.checkpoint, args.cfg_options)
    check_queries(args.queries or [], trained.model)
    classes = trained.metainfo["classes"]
    if args.against:
        config, checkpoint = args.against
        other = load(config, checkpoint, args.cfg_options)
        check_lengths(trained.dataset, other.dataset)
    found = query_predictions(*trained, min_score=args.min_score)
    record = QueryRecord.of(found)
    rows = query_table(record, classes)
    write_csv(args.out / "queries.csv", rows)
    write_csv(args.out / "classes.csv", class_table(record, classes))
    save_chart(rows, args.out / "queries.png")
    save_overlays(trained, record, args)
    if args.against:
        save_comparison(trained, other, args)
    print(f"Queries of {len(record.labels)} images: {args.out}")


if __name__ == "__main__":
    main()
