"""Tables in Markdown and as files, and files that are complete once they are named."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNFINISHED = ".unfinished"  # suffix of what is being written


def markdown_table(
    header: Sequence[str], rows: Iterable[Iterable[object]], left: int = 1
) -> str:
    """A table, its first ``left`` columns to the left and the others to the right."""
    sides = ["---"] * left + ["--:"] * (len(header) - left)
    return "\n".join(f"| {' | '.join(map(str, x))} |" for x in (header, sides, *rows))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write mappings; columns are all their keys, in the order in which they come."""
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Another path, of a file or folder to be written inside; it is renamed at the end.

    Its folder is made. What is stopped leaves one whose name ends in ``UNFINISHED``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + UNFINISHED)
    yield unfinished
    unfinished.replace(path)
