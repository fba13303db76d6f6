"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(
    header: Sequence[str], rows: Iterable[Iterable[object]], left: int = 1
) -> str:
    """A table, its first ``left`` columns to the left and the others to the right."""
    sides = ["---"] * left + ["--:"] * (len(header) - left)
    return "\n".join(f"| {' | '.join(map(str, x))} |" for x in (header, sides, *rows))
