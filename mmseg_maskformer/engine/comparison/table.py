"""Rows of a comparison, as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any, NamedTuple

from .config import Description

SCORES = ("miou", "miou_ms", "pq_st", "sq_st", "rq_st")


class Spread(NamedTuple):
    """Mean of a score over seeds, and half the distance of lowest and highest."""

    mean: float
    half_range: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None without values."""
        if not values:
            return None
        return cls(mean(values), (max(values) - min(values)) / 2, len(values))

    def __str__(self) -> str:
        tail = f" ± {self.half_range:.2f}" if self.seeds > 1 else ""
        return f"{self.mean:.2f}{tail}"


@dataclass
class Row:
    """What was found out about one config.

    Args:
        about: method, backbone and budget.
        costs: parameters, multiply-adds, seconds, bytes; empty where not measured.
        single: scores of every seed, by name.
        multi: the same with scales and flips.
        seeds: how many scores there shall be.
        notes: sentences below the table.
    """

    about: Description
    costs: dict[str, Any] = field(default_factory=dict)
    single: list[dict[str, float]] = field(default_factory=list)
    multi: list[dict[str, float]] = field(default_factory=list)
    seeds: int = 1
    notes: list[str] = field(default_factory=list)

    def remarks(self) -> list[str]:
        """The notes, and what is missing of the seeds."""
        parts = {"scores": self.single, "multi-scale scores": self.multi}
        return self.notes + [
            f"{name} of {len(found)} of {self.seeds} seeds so far"
            for name, found in parts.items()
            if 0 < len(found) < self.seeds
        ]

    def score(self, name: str) -> Spread | None:
        """A score over the seeds; ``miou_ms`` is mIoU with scales and flips."""
        found = self.multi if name == "miou_ms" else self.single
        key = name.removesuffix("_ms")
        return Spread.of([scores[key] for scores in found if key in scores])

    @property
    def images_per_second(self) -> float | None:
        """Of the median time."""
        return 1 / median(self.costs["seconds"]) if "seconds" in self.costs else None


def _scaled(value: float | None, unit: float, digits: int, name: str = "") -> str:
    return "-" if value is None else f"{value / unit:.{digits}f}{name}"


def _scores_of(name: str) -> Callable[[Row], str]:
    return lambda row: str(row.score(name) or "-")


def _cost_of(key: str, unit: float, digits: int, name: str = "") -> Callable:
    return lambda row: _scaled(row.costs.get(key), unit, digits, name)


def _size(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]}"


_LEFT = 4  # columns of words
_COLUMNS: dict[str, Callable[[Row], str]] = {
    "config": lambda row: row.about.name,
    "method": lambda row: row.about.method,
    "backbone": lambda row: row.about.backbone,
    "crop": lambda row: _size(row.about.crop),
    "mIoU": _scores_of("miou"),
    "mIoU, multi-scale": _scores_of("miou_ms"),
    "PQ-St": _scores_of("pq_st"),
    "SQ-St": _scores_of("sq_st"),
    "RQ-St": _scores_of("rq_st"),
    "parameters": _cost_of("parameters", 1e6, 2, "M"),
    "FLOPs": _cost_of("multiply_adds", 1e9, 2, "G"),
    "images/s": lambda row: _scaled(row.images_per_second, 1, 2),
    "training memory": _cost_of("training_bytes", 2**20, 0, " MiB"),
    "inference memory": _cost_of("inference_bytes", 2**20, 0, " MiB"),
}


def markdown(rows: list[Row], title: str, preface: Sequence[str] = ()) -> str:
    """The table with what is to be known about it.

    Args:
        rows: one a config.
        title: headline.
        preface: paragraphs above the table.
    """
    lines = [list(_COLUMNS), ["---"] * _LEFT + ["--:"] * (len(_COLUMNS) - _LEFT)]
    lines += [[cell(row) for cell in _COLUMNS.values()] for row in rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = [f"- {row.about.name}: {note}" for row in rows for note in row.remarks()]
    below = ["\n".join(notes)] if notes else []
    return "\n\n".join([f"# {title}", *preface, table, *below]) + "\n"


def table_csv(rows: list[Row]) -> str:
    """Plain numbers: percent, seconds, bytes; empty where not known."""
    stream = io.StringIO()
    records = [_record(row) for row in rows]
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def _record(row: Row) -> dict[str, Any]:
    about = row.about
    record: dict[str, Any] = dict(about._asdict(), crop=_size(about.crop))
    record["seeds"] = len(row.single)
    for name in SCORES:
        value = row.score(name)
        record[name] = value and round(value.mean, 4)
        record[f"{name}_half_range"] = value and round(value.half_range, 4)
    for key in ("parameters", "multiply_adds"):
        record[key] = row.costs.get(key)
    record["images_per_second"] = row.images_per_second
    for key in ("training_bytes", "inference_bytes"):
        record[key] = row.costs.get(key)
    record["test_size"] = _size(row.costs["test_size"]) if row.costs else None
    return record


def preface(rows: list[Row], what: str) -> list[str]:
    """Paragraphs that say how the figures came about.

    Args:
        rows: one a config.
        what: a sentence on the weights: trained how, or from where.
    """
    trained = max(len(row.single) for row in rows)
    spread = "; mean ± half the distance between the lowest and the highest seed"
    paragraphs = [what + (spread if trained > 1 else "") + "."] if what else []
    costs = next((row.costs for row in rows if row.costs), None)
    if costs is None:
        return paragraphs
    sizes = {_size(row.costs["test_size"]) for row in rows if row.costs}
    paragraphs.append(
        "FLOPs are multiply-adds of one image of the crop. Images/s: one image of "
        f"{' or '.join(sorted(sizes))} from pixels to labels, median of "
        f"{len(costs['seconds'])} on {costs['machine']}. Memory: the most that PyTorch "
        "held at once beside the weights; in training for one step on a batch of "
        f"{_batches(rows)} crops, forward and backward, without the optimizer's state"
        f"{costs['precision']}."
    )
    return paragraphs


def _batches(rows: list[Row]) -> str:
    return " or ".join(map(str, sorted({row.about.batch for row in rows})))
