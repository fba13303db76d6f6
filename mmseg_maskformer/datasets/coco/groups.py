"""Categories of annotation files that only group others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def groups(categories: Sequence[dict], annotations: Iterable[dict]) -> list[dict]:
    """Categories that others name as their ``supercategory``, and that no object has.

    Roboflow lists one first, which may have the name of another.
    """
    used = {str(row.get("category_id")) for row in annotations}
    named = Counter(
        x["supercategory"]
        for x in categories
        if isinstance(x.get("supercategory"), str)
    )
    return [
        x
        for x in categories
        if str(x["id"]) not in used
        and named[x["name"]] > (x.get("supercategory") == x["name"])
    ]


def namesakes(categories: Sequence[dict], annotations: Iterable[dict]) -> list[dict]:
    """Groups that have the name of another category."""
    names = Counter(x["name"] for x in categories)
    return [x for x in groups(categories, annotations) if names[x["name"]] > 1]
