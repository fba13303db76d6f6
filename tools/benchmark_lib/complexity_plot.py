"""A picture of reported scores against FLOPs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
from mmengine.fileio import load


def reported_score(config: str, metric: str) -> float:
    """A score that the metafile.yml of a config's folder reports of it.

    Raises:
        SystemExit: There is no such file, or it reports no such score.
    """
    path = Path(config)
    file = path.with_name("metafile.yml")
    models = load(file)["Models"] if file.is_file() else []
    for model in models:
        if Path(model["Config"]).name == path.name:
            for result in model.get("Results", []):
                if metric in result["Metrics"]:
                    return float(result["Metrics"][metric])
    raise SystemExit(
        f"{file} reports no {metric} of {path.name}; choose another --metric, or leave "
        "out the config."
    )


def plot_scores(
    points: Mapping[str, tuple[float, float]], metric: str, out: Path
) -> None:
    """Draw a colour for each folder of configs, and a line for each kind of backbone.

    Args:
        points: multiply-adds and score of each config.
        metric: name of the score.
        out: file to write.
    """
    lines = defaultdict(list)
    for config, (count, score) in points.items():
        family = Path(config).resolve().parent.name
        name = Path(config).stem.removeprefix(f"{family}_").split("_")[0]
        kind = name.split("-")[0].rstrip("0123456789")
        lines[family, kind].append((count / 1e9, score, name))
    families = dict.fromkeys(family for family, _ in lines)
    colours = {family: f"C{i}" for i, family in enumerate(families)}
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for (family, _), found in lines.items():
        flops, scores, names = zip(*sorted(found), strict=True)
        axes.plot(flops, scores, "o-", color=colours[family], markersize=4)
        for x, y, name in zip(flops, scores, names, strict=True):
            offset = (3, -9)
            axes.annotate(name, (x, y), offset, textcoords="offset points", fontsize=7)
    for family, colour in colours.items():
        axes.plot([], [], "o-", color=colour, markersize=4, label=family)
    axes.set(xlabel="FLOPs (G)", ylabel=metric)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=100)
