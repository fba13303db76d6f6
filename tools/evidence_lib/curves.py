"""What was validated in the course of trainings, as a table."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import median

from analysis.training_curve import read_scalars, series
from comparison.plan import Comparison
from shared.output import markdown_table

_METRICS = dict(semantic="mIoU", panoptic="PQ", instance="coco/segm_mAP")


def write_curves(comparison: Comparison) -> None:
    """Write ``curves.md``: a row a config, the median over the seeds that got there."""
    metric = _METRICS[comparison.rows[0].kind.name]
    rows: dict[str, dict[int, list[float]]] = {}
    for task in comparison.tasks:
        found = rows.setdefault(task.row.about.name, defaultdict(list))
        for step, value in validations(task.folder, metric).items():
            found[step].append(value)
    out = comparison.options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "curves.md").write_text(markdown(rows, metric), encoding="utf-8")


def validations(folder: Path, metric: str) -> dict[int, float]:
    """A score of every validation in percent, also of a training that was resumed."""
    unit = 100 if metric.startswith("coco/") else 1  # COCO's are shares
    found = series(read_scalars(folder), metric)
    return {step: unit * value for step, value in found.items()}


def markdown(rows: dict[str, dict[int, list[float]]], metric: str) -> str:
    """A column for every iteration at which something was validated."""
    steps = sorted({step for found in rows.values() for step in found})
    lines = []
    for name, found in rows.items():
        cells = [f"{median(found[x]):.2f}" if x in found else "-" for x in steps]
        lines.append([name, *cells])
    return markdown_table([metric, *(f"{x:,}" for x in steps)], lines) + "\n"
