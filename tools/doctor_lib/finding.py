"""What a check says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Finding(NamedTuple):
    """A fault ("error": training fails, or trains on something else) or a "warning".

    Attributes:
        level: "error" or "warning".
        text: what is the matter, with the numbers.
        remedy: what to do, where the text does not say it.
        files: examples, all of them where they are few.
    """

    level: str
    text: str
    remedy: str = ""
    files: tuple[str, ...] = ()


Found = Iterator[Finding]
