"""Class tables of data sets, one tab-separated file each."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_class_table(name: str) -> list[dict[str, str]]:
    """Rows of ``{name}.tsv`` in their order, by the names of the columns."""
    with (files(__name__) / f"{name}.tsv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
