"""Data sets inside of the hosts' wrappers: ConcatDataset, RepeatDataset and others."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
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


def parts_of_config(dataset: Mapping[str, Any]) -> list[MutableMapping[str, Any]]:
    """The configs of the data sets that that of a wrapper wraps; none otherwise."""
    inside = dataset.get("dataset") or dataset.get("datasets") or []
    return [inside] if isinstance(inside, MutableMapping) else list(inside)


def leaf_configs(dataset: MutableMapping[str, Any]) -> list[MutableMapping[str, Any]]:
    """The configs of the data sets of files, in order."""
    found = [leaf for part in parts_of_config(dataset) for leaf in leaf_configs(part)]
    return found or [dataset]
