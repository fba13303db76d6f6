"""Files that are complete as soon as they have their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"  # suffix of a file that is being written


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Another path, to be written inside; what is there gets the name at the end.

    The folder is made. What is stopped leaves a file ending in ``UNFINISHED``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + UNFINISHED)
    yield unfinished
    unfinished.replace(path)
