"""What data sets say about their classes, joined ones too."""

from __future__ import annotations

from typing import Any


def metainfo_of(dataset: Any) -> dict[str, Any]:
    """``metainfo`` of a data set, of joined ones that of the first.

    MMDetection's ``ConcatDataset`` gives a list where they differ, be it in colours.

    Raises:
        ValueError: The classes of joined data sets differ.
    """
    found = getattr(dataset, "metainfo", None) or {}
    if not isinstance(found, list | tuple):
        return found
    first, *others = found
    for key in ("classes", "thing_classes", "stuff_classes"):
        for place, other in enumerate(others, start=1):
            if list(other.get(key) or ()) != list(first.get(key) or ()):
                raise ValueError(
                    f"ConcatDataset joins data sets of different {key} in metainfo: "
                    f"{first.get(key)!s:.120} in the first and {other.get(key)!s:.120} "
                    f"in the one after {place}. Give all of them the same."
                )
    return first
