r"""Scores of the same methods against the number of classes, from several comparisons.

    python tools/analysis/scores_by_classes.py 20=work_dirs/scenes-20/comparison.csv \
        150=work_dirs/scenes-150/comparison.csv --plot scores.png

Prints a Markdown table: scores of every method and number of classes, with the spread
over seeds, and each method's distance to the first one.
"""

from __future__ import annotations

import argparse
import csv
import sys
from math import hypot
from pathlib import Path

import matplotlib.pyplot as plt

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from comparison.table import Spread  # noqa: E402
from mmseg_maskformer.engine.arguments import output_file  # noqa: E402
from shared.output import markdown_table  # noqa: E402

METRICS = {"miou": "mIoU", "pq_st": "PQ-St", "sq_st": "SQ-St", "rq_st": "RQ-St"}


Scores = dict[int, dict[str, Spread]]  # by number of classes, then by method


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "tables",
        nargs="+",
        metavar="CLASSES=comparison.csv",
        help="of tools/compare.py",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=METRICS,
        default=["miou", "pq_st"],
        help="columns of the table; default: miou pq_st",
    )
    parser.add_argument(
        "--plot", type=output_file, help="picture of the first two metrics"
    )
    parser.add_argument(
        "--gain",
        type=output_file,
        help="picture of their gains over the first method",
    )
    return parser.parse_args()


def read_tables(tables: list[str], metric: str) -> Scores:
    """One score of every table; methods without it are left out.

    Raises:
        SystemExit: An argument is no number of classes with a file, or comes twice; a
            table has a method twice, or no scores at all.
    """
    found: Scores = {}
    for table in tables:
        classes, _, path = table.partition("=")
        if not classes.isdigit() or not Path(path).is_file():
            raise SystemExit(
                f"{table} is no number of classes with the comparison.csv of "
                "tools/compare.py; write for example 20=work_dirs/scenes/comparison.csv"
            )
        with open(path, encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row[metric]]
        if int(classes) in found:
            raise SystemExit(f"{table} is the second table for {classes} classes.")
        if not rows or len({row["method"] for row in rows}) < len(rows):
            raise SystemExit(
                f"{path} has no scores, or two configs of one method; compare one of "
                "each, with --train or --checkpoints."
            )
        found[int(classes)] = {
            row["method"]: Spread(
                float(row[metric]),
                float(row[f"{metric}_std"]),
                int(row["seeds"]),
            )
            for row in rows
        }
    return dict(sorted(found.items()))


def methods(scores: Scores) -> list[str]:
    """All methods, in the order in which they appear."""
    return list(dict.fromkeys(name for row in scores.values() for name in row))


def markdown(scores: dict[str, Scores]) -> str:
    """Rows of methods, columns of metrics and numbers of classes."""
    columns = [(metric, k) for metric in scores for k in scores[metric]]
    lines = []
    first, *others = methods(next(iter(scores.values())))
    for name in (first, *others):
        cells = [scores[metric][k].get(name, "-") for metric, k in columns]
        lines.append([name, *cells])
    for name in others:
        gains = [_gain(scores[metric][k], name, first) for metric, k in columns]
        lines.append([f"{name} - {first}", *gains])
    header = ["", *(f"{METRICS[metric]}, K = {k}" for metric, k in columns)]
    return markdown_table(header, lines)


def _gain(scores: dict[str, Spread], name: str, first: str) -> str:
    if not {name, first} <= set(scores):
        return "-"
    return f"{scores[name].median - scores[first].median:+.2f}"


def plot(scores: dict[str, Scores], path: Path, gain: bool = False) -> None:
    """A panel for each metric, a line with error bars for each method.

    Args:
        scores: of every metric that gets a panel.
        path: of the picture.
        gain: paint what a method is better than the first by, where both have scores;
            the error bars are then of the difference of independent runs.
    """
    figure, panels = plt.subplots(
        1, len(scores), figsize=(9, 3.4), layout="constrained", squeeze=False
    )
    for axes, (metric, tables) in zip(panels[0], scores.items(), strict=True):
        shown = gains(tables) if gain else tables
        for name in methods(shown):
            held = {k: row[name] for k, row in shown.items() if name in row}
            means = [score.median for score in held.values()]
            spread = [score.deviation for score in held.values()]
            axes.errorbar(
                list(held), means, spread, fmt="o-", label=name, markersize=4, capsize=3
            )
        label = METRICS[metric] + f" - that of {methods(tables)[0]}" * gain
        axes.set(xscale="log", xlabel="classes", ylabel=label)
        axes.set_xticks(list(tables), labels=list(map(str, tables)), minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=120)


def gains(tables: Scores) -> Scores:
    """What every other method is better than the first by."""
    first, *others = methods(tables)
    return {
        k: {
            name: Spread(
                row[name].median - row[first].median,
                hypot(row[name].deviation, row[first].deviation),
                min(row[name].seeds, row[first].seeds),
            )
            for name in others
            if {name, first} <= set(row)
        }
        for k, row in tables.items()
    }


def main() -> None:
    """Read, print, paint."""
    args = parse_args()
    scores = {metric: read_tables(args.tables, metric) for metric in args.metrics}
    print(markdown(scores))
    for path, gain in ((args.plot, False), (args.gain, True)):
        if path:
            plot({x: scores[x] for x in args.metrics[:2]}, path, gain)


if __name__ == "__main__":
    main()
