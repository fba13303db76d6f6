"""How the trainings of a pair differ, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, stdev

from comparison.jobs import valid_parts
from comparison.plan import Comparison
from shared.output import markdown_table

Scores = Mapping[str, Mapping[str, float]]  # of every seed, by name


def write_differences(comparison: Comparison) -> None:
    """Write ``differences.md``: scores of the first config less those of the second."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for task in comparison.tasks:
        scores = valid_parts(task.folder, task.job).get("single", {})
        found.setdefault(task.row.about.name, {})[task.what] = scores
    first, second = comparison.rows
    out = comparison.options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "differences.md").write_text(
        f"{first.about.name} less {second.about.name}\n\n"
        + markdown(
            found[first.about.name], found[second.about.name], first.kind.scores
        ),
        encoding="utf-8",
    )


def markdown(one: Scores, other: Scores, names: Mapping[str, str]) -> str:
    """A column for every seed that both have, the mean, and the standard deviation.

    Args:
        one: scores by seed and name.
        other: what is subtracted.
        names: of the scores, with their headings.

    Returns:
        A table. The deviation is that of a sample, from the mean of n - 1 squares.
    """
    seeds = [x for x in one if one[x] and other.get(x)]
    lines = []
    both = [scores[x] for scores in (one, other) for x in seeds]
    for name in [x for x in names if both and all(x in found for found in both)]:
        less = [one[x][name] - other[x][name] for x in seeds]
        spread = f"{stdev(less):.2f}" if len(less) > 1 else "-"
        cells = [f"{x:+.2f}" for x in (*less, mean(less))]
        lines.append([names[name], *cells, spread])
    return markdown_table(["score", *seeds, "mean", "deviation"], lines) + "\n"
