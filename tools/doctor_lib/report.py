"""The report: findings first, then tables of files, classes and objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mmseg_maskformer.core.conventions import VOID
from shared.output import markdown_table

from .class_counts import class_counts, splits, thing_areas, void_labels, void_share
from .finding import Finding
from .scan import Facts
from .sources import Source

_SHOWN = 10  # files of a finding


def report(
    source: Source,
    facts: Sequence[Facts],
    found: Sequence[Finding],
    classes: Sequence[dict[str, object]],
    pictures: str = "",
) -> str:
    """Markdown.

    Args:
        source: what was looked at.
        facts: of its items.
        found: what is to be said.
        classes: rows of the table of classes.
        pictures: name of the sheet that lies beside the report, if there is one.
    """
    parts = [
        f"# {source.name}",
        _counts(source, facts, found),
        *map(_finding, found),
        "## Images",
        _images(source, facts),
        *_labels(source, facts),
        *_objects(source, facts),
        *_classes(source, facts, classes),
    ]
    if pictures:
        parts += ["## What training sees", f"![Images after the pipeline]({pictures})"]
    return "\n\n".join(parts) + "\n"


def _counts(source: Source, facts: Sequence[Facts], found: Sequence[Finding]) -> str:
    sizes = Counter(x.item.split for x in facts)
    images = ", ".join(f"{sizes[x]} {x}" for x in splits(facts)) or "no images"
    levels = Counter(x.level for x in found)
    said = ", ".join(f"{n} {level}(s)" for level, n in levels.items())
    return f"{source.kind.capitalize()} data: {images}. {said or 'Nothing to report'}."


def _finding(x: Finding) -> str:
    files = "".join(f"\n- `{name}`" for name in x.files[:_SHOWN])
    left = len(x.files) - _SHOWN
    more = f"- and {left} more" if left > 0 else ""
    said = f"**{x.level.capitalize()}**: {x.text} {x.remedy}".rstrip()
    return "\n".join([said, files, more]) if files else said


def _images(source: Source, facts: Sequence[Facts]) -> str:
    readable = [x for x in facts if x.size]
    suffixes = Counter("." + x.item.image.rpartition(".")[2] for x in facts)
    unread = Counter(
        {f"{x or 'without suffix'} (not read)": n for x, n in source.unread.items()}
    )
    kinds = Counter(f"{x.channels} x {x.type}" for x in readable)
    orientations = Counter(x.orientation for x in readable)
    rows = [
        ("files", _listed(suffixes + unread)),
        ("channels and type", _listed(kinds)),
        ("EXIF orientation", _listed(orientations)),
    ]
    if readable:
        sides = np.array([x.size for x in readable])
        low, mid, high = (f(sides, axis=0) for f in (np.min, np.median, np.max))
        spans = (f"{int(x[0])} x {int(x[1])}" for x in (low, mid, high))
        rows.append(("height x width: least, median, most", "; ".join(spans)))
    return markdown_table(("", "number of images"), rows)


def _listed(counts: Counter) -> str:
    return ", ".join(f"{key}: {n}" for key, n in counts.most_common())


def _labels(source: Source, facts: Sequence[Facts]) -> list[str]:
    """Values of label maps and, without a config, which settings they call for."""
    if not any(x.values for x in facts):
        return []
    if source.kind == "panoptic":
        share = f"{100 * void_share(source, facts):.1f} % of pixels"
        return ["## Panoptic maps", f"Void on {share}."]
    pixels, void = Counter[int](), Counter[int]()
    for x in facts:
        pixels.update(x.values)
        void += {v: x.values[v] for v in void_labels(x, source)}
    share = f"{100 * void.total() / pixels.total():.1f} % of pixels"
    text = f"Values {_ranges(sorted(pixels))}; void on {share}."
    if not source.classes:
        text += " " + _advice(set(pixels) - set(+void), bool(+void))
    return ["## Label maps", text]


def _ranges(values: Sequence[int]) -> str:
    """As "0-10, 255"."""
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1][1:] = [value]
        else:
            parts.append([value])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _advice(values: set[int], has_void: bool) -> str:
    if not values:
        return "No pixel has a class."
    high = max(values)
    void = f"{VOID} is void already (ignore_index)" if has_void else "nothing is void"
    if 0 not in values:
        return (
            f"0 never occurs: num_classes={high} with reduce_zero_label=True; {void}."
        )
    return (
        f"num_classes={high + 1}, or {high} with reduce_zero_label=True if 0 means "
        f"unlabelled; {void}."
    )


def _objects(source: Source, facts: Sequence[Facts]) -> list[str]:
    if source.kind == "semantic":
        return []
    counts = [len(x.item.objects or ()) for x in facts]
    areas = [area for x in facts for area in thing_areas(x, source)]
    rows = [("segments an image", *_quartiles(counts))]
    what = "box" if source.kind == "instances" else "thing"
    name = f"square root of the area of a {what}, pixels of the file"
    rows.append((name, *_quartiles(np.sqrt(areas))))
    header = ("", "least", "a quarter below", "half", "three quarters", "most")
    return ["## Objects", markdown_table(header, rows)]


def _quartiles(values: Sequence[float] | np.ndarray) -> list[str]:
    if not len(values):
        return ["-"] * 5
    return [f"{x:.0f}" for x in np.percentile(values, [0, 25, 50, 75, 100])]


def _classes(
    source: Source, facts: Sequence[Facts], rows: Sequence[dict[str, object]]
) -> list[str]:
    if not rows:
        return []
    split = splits(facts)[0]
    numbers = [len(found) for found in class_counts(source, facts, split)]
    text = (
        f"{np.mean(numbers):.2f} classes in the mean image of {split} (median "
        f"{np.median(numbers):g}, {min(numbers)} to {max(numbers)})."
    )
    header = ["class", *list(rows[0])[2:]]
    lines = [(row["name"] or row["label"], *list(row.values())[2:]) for row in rows]
    return ["## Classes", text, markdown_table(header, lines)]
