"""Data sets inside of the hosts' wrappers: ConcatDataset, RepeatDataset and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parts_of(dataset: Any) -> list[Any]:
    """The data sets that another one wraps; none where it is one of files."""
    parts = getattr(dataset, "datasets", None)
    if isinstance(parts, list | tuple):
        return list(parts)
    wrapped = getattr(dataset, "dataset", None)
    return [] if wrapped is None else [wrapped]


def leaf_datasets(dataset: Any) -> list[Any]:
    """The data sets of files, in order."""
    found = [leaf for part in parts_of(dataset) for leaf in leaf_datasets(part)]
    return found or [dataset]


def first_config(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config of the data set of files inside wrappers, of several the first."""
    while inside := dataset.get("dataset") or dataset.get("datasets"):
        dataset = inside if isinstance(inside, Mapping) else inside[0]
    return dataset
