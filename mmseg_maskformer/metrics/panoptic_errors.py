"""Errors of segments by kind, class and size, and confused classes, as a metric."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.panoptic_quality import PanopticMap
from mmseg_maskformer.core.segment_errors import KINDS, segment_errors

from .panoptic_quality import maps_of_sample

SIZES = {"small": 32**2, "medium": 96**2, "large": np.inf}  # COCO's, below these areas
Error = tuple[int, int, int, bool]  # category, kind, size, whether it is predicted


class PanopticErrors(BaseMetric):
    """How many segments are missed or wrong, and why (``core.segment_errors``).

    Every false negative of panoptic quality is a true segment, and every false positive
    a predicted one, of one kind. Of semantic results every class that an image holds is
    one segment.

    Args:
        out: folder for ``errors.csv`` (class, kind, size, number of true and of
            predicted segments), ``confusion.csv`` (pixels of each true class and each
            class that was predicted there, void last) and ``images.csv`` (errors of
            each image and its place in the data set, most first); None writes nothing.
        ignore_index: label of void pixels.
        kwargs: of every metric of mmengine.
    """

    def __init__(
        self, out: str | None = None, ignore_index: int = VOID, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.out = out
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Errors and confused pixels of each sample: one small result per image."""
        name = type(self).__name__
        for sample in data_samples:
            maps = maps_of_sample(sample, self.dataset_meta, name, self.ignore_index)
            errors = list(_errors(*maps))
            confused = _confused(*maps, self._num_classes)
            self.results.append((image_name(sample), errors, confused))

    def compute_metrics(self, results: list[tuple]) -> dict[str, int]:
        """Numbers of errors by kind; the classes go into the log.

        Args:
            results: per image its name, errors and confused pixels.
        """
        errors = Counter(error for _, found, _ in results for error in found)
        print_log(f"errors by class:\n{self._table(errors)}", logger="current")
        if self.out is not None:
            self._write(Path(self.out), results, errors)
        kinds = Counter[str]()
        for (_, kind, _, is_predicted), count in errors.items():
            side = "predicted" if is_predicted else "true"
            kinds[f"{KINDS[kind]} ({side})"] += count
        return dict(kinds)

    @property
    def _num_classes(self) -> int:
        return len(self.dataset_meta["classes"])

    def _table(self, errors: Counter[Error]) -> PrettyTable:
        """True and predicted segments of every class with errors, by kind."""
        sums = Counter[tuple[int, int, bool]]()
        for (category, kind, _, is_predicted), count in errors.items():
            sums[category, kind, is_predicted] += count
        table = PrettyTable(["Class", *KINDS])
        for category in sorted({key[0] for key in sums}):
            cells = [
                f"{sums[category, kind, False]} / {sums[category, kind, True]}"
                for kind in range(len(KINDS))
            ]
            table.add_row([self.dataset_meta["classes"][category], *cells])
        return table

    def _write(
        self, folder: Path, results: list[tuple], errors: Counter[Error]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = [*self.dataset_meta["classes"], "void"]
        rows = []
        for c, k, s in sorted({key[:3] for key in errors}):
            numbers = (errors[c, k, s, False], errors[c, k, s, True])
            rows.append([names[c], KINDS[k], list(SIZES)[s], *numbers])
        header = ["class", "kind", "size", "true", "predicted"]
        _write_rows(folder / "errors.csv", header, rows)
        pixels = np.zeros((len(names), len(names)), dtype=np.int64)
        for *_, confused in results:
            for true, predicted, count in confused:
                pixels[true, predicted] += count
        table = ([name, *row] for name, row in zip(names, pixels.tolist(), strict=True))
        _write_rows(folder / "confusion.csv", ["true \\ predicted", *names], table)
        counts = [(len(e), place, name) for place, (name, e, _) in enumerate(results)]
        counts.sort(key=lambda row: -row[0])
        _write_rows(folder / "images.csv", ["errors", "place", "image"], counts)


def _errors(predicted: PanopticMap, true: PanopticMap) -> Iterable[Error]:
    """Errors of an image."""
    kinds = segment_errors(predicted, true)
    for panoptic, found, is_predicted in (
        (true, kinds.true, False),
        (predicted, kinds.predicted, True),
    ):
        limits = list(SIZES.values())
        for index in np.flatnonzero(found >= 0):
            area = np.count_nonzero(panoptic.segment_map == panoptic.ids[index])
            size = int(np.searchsorted(limits, area, side="right"))
            category = int(panoptic.categories[index])
            yield category, int(found[index]), size, is_predicted


def _confused(
    predicted: PanopticMap, true: PanopticMap, num_classes: int
) -> list[tuple[int, int, int]]:
    """True class, predicted class and number of pixels; ``num_classes`` is void."""
    rows, columns = (_classes(x, num_classes) for x in (true, predicted))
    pixels = np.bincount((rows * (num_classes + 1) + columns).ravel())
    found = np.flatnonzero(pixels)
    pairs = zip(*np.divmod(found, num_classes + 1), pixels[found], strict=True)
    return [(int(a), int(b), int(n)) for a, b, n in pairs]


def _classes(panoptic: PanopticMap, void: int) -> np.ndarray:
    """(H, W) category of each pixel."""
    categories = np.concatenate([[void], panoptic.categories])
    return categories[panoptic.places(panoptic.segment_map)]


def _write_rows(path: Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write rows of values below the names of their columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
