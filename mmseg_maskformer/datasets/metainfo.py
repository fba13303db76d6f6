"""What data sets say about their classes, joined ones too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = ("classes", "thing_classes", "stuff_classes")


def check_class_names(metainfo: Mapping[str, Any]) -> None:
    """Refuse a text where a list of names is needed: its letters would be classes.

    Raises:
        ValueError: As ``classes=("crack")``, which lacks the comma of a tuple.
    """
    for key in _KEYS:
        if isinstance(name := metainfo.get(key), str):
            raise ValueError(
                f"metainfo[{key!r}] of the data set is the text {name!r} and no list of"
                f" names. Write {key}=({name!r},) with a comma, or [{name!r}]."
            )


def metainfo_of(dataset: Any) -> dict[str, Any]:
    """``metainfo`` of a data set, of joined ones that of the first.

    MMDetection's ``ConcatDataset`` gives a list where they differ, be it in colours.

    Raises:
        ValueError: The classes of joined data sets differ, or are no list.
    """
    found = getattr(dataset, "metainfo", None) or {}
    if not isinstance(found, list | tuple):
        check_class_names(found)
        return found
    first, *others = found
    for key in _KEYS:
        for place, other in enumerate(others, start=1):
            if list(other.get(key) or ()) != list(first.get(key) or ()):
                raise ValueError(
                    f"ConcatDataset joins data sets of different {key} in metainfo: "
                    f"{first.get(key)!s:.120} in the first and {other.get(key)!s:.120} "
                    f"in the one after {place}. Give all of them the same."
                )
    return first


def zero_label_message(name: str, given: Any, of_data_set: Any) -> str:
    """What is wrong with a transform that contradicts its data set."""
    return (
        f"{name} has reduce_zero_label={given}, the data set {of_data_set}. Say it in "
        "the data sets, of training and of evaluation alike, and leave it out of the "
        "transforms."
    )
