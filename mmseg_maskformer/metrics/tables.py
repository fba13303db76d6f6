"""Tables as files of comma-separated values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_rows(path: Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write rows of values below the names of their columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write mappings, at least one, which all have the keys of the first."""
    write_rows(path, rows[0], ([row[key] for key in rows[0]] for row in rows))
