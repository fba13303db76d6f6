"""Rows of a comparison, as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, pstdev
from typing import Any, NamedTuple

from shared.output import markdown_table

from .description import Description
from .kinds import SEMANTIC, Kind


class Spread(NamedTuple):
    """Median of a score over runs, and their standard deviation, as in the paper.

    The deviation is that of the runs themselves, from the mean of n squares.
    """

    median: float
    deviation: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None without values."""
        if not values:
            return None
        return cls(median(values), pstdev(values), len(values))

    def __str__(self) -> str:
        tail = f" ± {self.deviation:.2f}" if self.seeds > 1 else ""
        return f"{self.median:.2f}{tail}"


@dataclass
class Row:
    """What was found out about one config.

    Args:
        about: method, backbone and budget.
        kind: of segmentation.
        costs: parameters, multiply-adds, seconds, bytes; empty where not measured.
        single: scores of every seed, by name.
        multi: the same with scales and flips.
        seeds: how many scores there shall be.
        notes: sentences below the table.
    """

    about: Description
    kind: Kind = SEMANTIC
    costs: dict[str, Any] = field(default_factory=dict)
    single: list[dict[str, float]] = field(default_factory=list)
    multi: list[dict[str, float]] = field(default_factory=list)
    seeds: int = 1
    notes: list[str] = field(default_factory=list)

    def remarks(self) -> list[str]:
        """The notes, and what is missing of the seeds."""
        parts = {"scores": self.single, "multi-scale scores": self.multi}
        notes = self.notes + [
            f"{name} of {len(found)} of {self.seeds} seeds so far"
            for name, found in parts.items()
            if 0 < len(found) < self.seeds
        ]
        for name, heading in self.kind.scores.items():
            value, found = self.score(name), self._found(name)
            if value and value.seeds < len(found):
                notes.append(
                    f"{heading} is that of {value.seeds} of {len(found)} seeds; the "
                    "others have none"
                )
        return notes

    def _found(self, name: str) -> list[dict[str, float]]:
        """The scores of every seed that a score is among."""
        return self.multi if name == "miou_ms" else self.single

    def score(self, name: str) -> Spread | None:
        """A score over the seeds; ``miou_ms`` is mIoU with scales and flips."""
        found = self._found(name)
        key = name.removesuffix("_ms")
        return Spread.of([scores[key] for scores in found if key in scores])

    @property
    def images_per_second(self) -> float | None:
        """Of the median time of one image."""
        return 1 / median(self.costs["seconds"]) if "seconds" in self.costs else None

    @property
    def evaluation_speed(self) -> float | None:
        """Images per second over the whole validation set, the median of the runs."""
        speeds = [x["images"] / x["seconds"] for x in self.single if x.get("seconds")]
        return median(speeds) if speeds else None


def _scaled(value: float | None, unit: float, digits: int, name: str = "") -> str:
    return "-" if value is None else f"{value / unit:.{digits}f}{name}"


def _scores_of(name: str) -> Callable[[Row], str]:
    return lambda row: str(row.score(name) or "-")


def _cost_of(key: str, unit: float, digits: int, name: str = "") -> Callable:
    return lambda row: _scaled(row.costs.get(key), unit, digits, name)


def _size(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]}"


_RESULTS = dict(semantic="labels", panoptic="segments", instance="instances")
_LEFT = 4  # columns of words
_BEFORE: dict[str, Callable[[Row], str]] = {
    "config": lambda row: row.about.name,
    "method": lambda row: row.about.method,
    "backbone": lambda row: row.about.backbone,
    "crop": lambda row: _size(row.about.crop) if row.about.crop else "varies",
}
_AFTER: dict[str, Callable[[Row], str]] = {
    "parameters": _cost_of("parameters", 1e6, 2, "M"),
    "FLOPs": _cost_of("multiply_adds", 1e9, 2, "G"),
    "images/s": lambda row: _scaled(row.images_per_second, 1, 2),
    "images/s, whole set": lambda row: _scaled(row.evaluation_speed, 1, 2),
    "training memory": _cost_of("training_bytes", 2**20, 0, " MiB"),
    "inference memory": _cost_of("inference_bytes", 2**20, 0, " MiB"),
}


def _scores(rows: list[Row]) -> dict[str, str]:
    """Names and headings of the scores that the rows may have."""
    kind = rows[0].kind
    return {
        name: heading
        for name, heading in kind.scores.items()
        if name not in kind.rare or any(row.score(name) for row in rows)
    }


def _columns(rows: list[Row]) -> dict[str, Callable[[Row], str]]:
    """Heading and cell of every column."""
    scores = {heading: _scores_of(name) for name, heading in _scores(rows).items()}
    return {**_BEFORE, **scores, **_AFTER}


def markdown(rows: list[Row], title: str, preface: Sequence[str] = ()) -> str:
    """The table with what is to be known about it.

    Args:
        rows: one a config.
        title: headline.
        preface: paragraphs above the table.
    """
    columns = _columns(rows)
    lines = [[cell(row) for cell in columns.values()] for row in rows]
    table = markdown_table(list(columns), lines, _LEFT)
    notes = [f"- {row.about.name}: {note}" for row in rows for note in row.remarks()]
    below = ["\n".join(notes)] if notes else []
    return "\n\n".join([f"# {title}", *preface, table, *below]) + "\n"


def records(rows: list[Row]) -> list[dict[str, Any]]:
    """Plain numbers: percent, seconds, bytes; None where not known."""
    scores = _scores(rows)
    return [_record(row, scores) for row in rows]


def _record(row: Row, scores: Iterable[str]) -> dict[str, Any]:
    about = row.about
    crop = about.crop and _size(about.crop)
    record: dict[str, Any] = dict(about._asdict(), crop=crop)
    record["seeds"] = len(row.single)
    for name in scores:
        value = row.score(name)
        record[name] = value and round(value.median, 4)
        record[f"{name}_std"] = value and round(value.deviation, 4)
    for key in ("parameters", "multiply_adds"):
        record[key] = row.costs.get(key)
    record["images_per_second"] = row.images_per_second
    record["images_per_second_whole_set"] = row.evaluation_speed
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
    spread = "; median ± standard deviation of the seeds"
    paragraphs = [what + (spread if trained > 1 else "") + "."] if what else []
    found = [row.costs for row in rows if row.costs]
    if not found:
        return paragraphs
    paragraphs.append(
        f"FLOPs are multiply-adds {_counted(found[0])}. Images/s: one image of "
        f"{_either(_size(x['test_size']) for x in found)} from pixels to "
        f"{_RESULTS[rows[0].kind.name]}, median of "
        f"{_either(len(x['seconds']) for x in found)} on "
        f"{_either(x['machine'] for x in found)}; whole set: the mean "
        "over all validation images, in the evaluation. Memory: the most that PyTorch "
        "held at once beside the weights; in training for one step on a batch of "
        f"{_either(row.about.batch for row in rows)} crops, forward and backward, "
        f"without the optimizer's state{_precision(found)}."
    )
    return paragraphs


def _either(values: Iterable[Any]) -> str:
    """Every value once, in their order."""
    return " or ".join(map(str, sorted(set(values))))


def _precision(found: list[dict[str, Any]]) -> str:
    """What training steps were measured in, unless all in float32."""
    names = {costs["precision"].removeprefix(", in ") or "float32" for costs in found}
    return "" if names == {"float32"} else f", in {_either(names)}"


def _counted(costs: dict[str, Any]) -> str:
    """Of which images the FLOPs are."""
    images = costs.get("flops_images", 0)
    if not images:
        return "of one image of the crop"
    return f"averaged over the first {images} validation images"
