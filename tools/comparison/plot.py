"""A picture of a comparison: quality against speed, and further scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .table import Row, Spread


def plot(rows: list[Row], path: Path) -> str | None:
    """Paint the rows that have scores.

    Returns:
        A sentence that says why there is no picture; None where there is one.
    """
    scored = [row for row in rows if row.single]
    if not scored:
        return "No picture: no config has scores yet."
    panels = [_quality_and_speed, _bars]
    if not any(row.costs for row in scored):  # nobody measured the speed
        panels = [_bars]
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for draw, place in zip(panels, axes, strict=True):
        draw(place, scored, labels(scored))
    figure.savefig(path, dpi=100)
    return None


def labels(rows: list[Row]) -> list[str]:
    """The method where it tells the rows apart, the config's name otherwise."""
    methods = [row.about.method for row in rows]
    unique = len(set(methods)) == len(rows)
    return methods if unique else [row.about.name for row in rows]


def _quality_and_speed(axes: Any, rows: list[Row], names: list[str]) -> None:
    """Quality against images per second; the area of a disc is the parameters."""
    largest = max(row.costs.get("parameters", 1) for row in rows)
    speeds = sorted(x.images_per_second for x in rows if x.images_per_second)
    for row, name in zip(rows, names, strict=True):
        score = row.score(row.kind.main)
        if row.images_per_second is None or score is None:
            continue
        point = (row.images_per_second, score.median)
        parameters = row.costs["parameters"]
        axes.errorbar(*point, yerr=score.deviation, color="black", linewidth=1)
        axes.scatter(*point, s=400 * parameters / largest, alpha=0.6)
        # neighbours have their names above and below in turn
        height = (12, -20)[speeds.index(row.images_per_second) % 2]
        place = dict(xytext=(0, height), textcoords="offset points", ha="center")
        text = f"{name}, {parameters / 1e6:.1f}M"
        axes.annotate(text, point, **place, fontsize=8)
    kind = rows[0].kind
    axes.set(xlabel="images per second", ylabel=kind.scores[kind.main])
    axes.margins(0.3)
    axes.grid(alpha=0.3)


def _bars(axes: Any, rows: list[Row], names: list[str]) -> None:
    """The main score, and the others of the kind that are drawn as bars."""
    kind = rows[0].kind
    bars = {name: kind.scores[name] for name in dict.fromkeys((kind.main, *kind.bars))}
    width = 0.8 / len(rows)
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        found = [row.score(key) or Spread(0.0, 0.0, 0) for key in bars]
        shift = (index - (len(rows) - 1) / 2) * width
        places = [x + shift for x in range(len(bars))]
        spreads = [x.deviation for x in found]
        axes.bar(places, [x.median for x in found], width, yerr=spreads, label=name)
    axes.set_xticks(range(len(bars)), list(bars.values()))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    columns = 3 if max(map(len, names)) < 20 else 1  # above the bars, not on them
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=columns)
