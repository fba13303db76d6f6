"""Whether configs are evaluated on the same data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.fileio import list_from_file
from mmengine.registry import DATASETS

from mmseg_maskformer.datasets.wrappers import leaf_configs, parts_of_config
from mmseg_maskformer.registry import type_name

from .kinds import kind_of

_SAME_DATA = {"CocoInstanceDataset": "CocoDataset"}  # ours checks the host's files
_CLASSES = ("classes", "thing_classes", "stuff_classes")
_HOW_READ = (  # the same data, however
    *("pipeline", "metainfo", "backend_args", "lazy_init", "serialize_data"),
    *("max_refetch", "test_mode", "filter_cfg"),
)


def check_same_data(configs: list[Config]) -> None:
    """Stop when two configs are evaluated on different data, or score different things.

    What they say about their data set must be equal, where they say nothing what its
    class does; ``data_root`` may be another path to the same folder.

    Raises:
        ValueError: It is not; the message says what.
    """
    kinds = {kind_of(config).name: config.filename for config in configs}
    if len(kinds) > 1:
        listed = " and ".join(f"{name} ({path})" for name, path in kinds.items())
        raise ValueError(f"A comparison needs one kind of config, got {listed}.")
    for config in configs[1:]:
        for key, pair in _settings(configs[0], config).items():
            if pair[0] != pair[1]:
                raise ValueError(
                    "A comparison needs one data set, but val_dataloader.dataset."
                    f"{key} is {pair[0]} in {configs[0].filename} and {pair[1]} in "
                    f"{config.filename}; compare them apart, or give both the same by "
                    "--cfg-options."
                )


def _settings(*configs: Config) -> dict[str, list[Any]]:
    """What the data sets of two configs are, as far as one says it."""
    datasets = [config.val_dataloader.dataset for config in configs]
    scopes = [config.default_scope for config in configs]
    wrappers = [_wrappers(dataset) for dataset in datasets]
    if wrappers[0] != wrappers[1]:
        return {"datasets": wrappers}
    found = {}
    for number, leaves in enumerate(zip(*map(leaf_configs, datasets), strict=True)):
        place = f"datasets.{number}." if wrappers[0] else ""
        for key, values in _leaf_settings(leaves, scopes).items():
            found[f"{place}{key}"] = values
    return found


def _wrappers(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What stands around the data sets of files; nothing where there is but one."""
    if not (parts := parts_of_config(dataset)):
        return {}
    own = {key: x for key, x in dataset.items() if key not in ("dataset", *_HOW_READ)}
    inside = [_wrappers(part) for part in parts]
    return {**own, "type": type_name(dataset), "datasets": inside}


def _leaf_settings(
    datasets: Sequence[Mapping[str, Any]], scopes: Sequence[str]
) -> dict[str, list[Any]]:
    """What two data sets of files are, beginning with their type."""
    pairs = [(x, _class(x, scope)) for x, scope in zip(datasets, scopes, strict=True)]
    names = [type_name(dataset) for dataset in datasets]
    found: dict[str, list[Any]] = {"type": [_SAME_DATA.get(x, x) for x in names]}
    for key in _CLASSES:
        found[f"metainfo.{key}"] = [_classes(*pair, key) for pair in pairs]
    found["filter_cfg"] = [_filter(dataset) for dataset in datasets]
    for key in sorted({*datasets[0], *datasets[1]} - {"type", *_HOW_READ}):
        found[key] = [_comparable(*pair, key) for pair in pairs]
    return found


def _class(dataset: Mapping[str, Any], scope: str) -> type | None:
    """That of a data set; None where nobody knows it."""
    with DATASETS.switch_scope_and_registry(scope) as registry:
        return registry.get(dataset.get("type", ""))


def _classes(dataset: Mapping, kind: type | None, key: str) -> list[str] | None:
    """Names of classes, where the data set or its class says them."""
    known = {**getattr(kind, "METAINFO", {}), **(dataset.get("metainfo") or {})}
    names = known.get(key)
    if isinstance(names, str):  # a file of names
        names = list_from_file(names) if Path(names).is_file() else [names]
    return list(names) if names else None


def _filter(dataset: Mapping) -> Any:
    """Which images are left out; none in a test."""
    return None if dataset.get("test_mode") else dataset.get("filter_cfg") or None


def _comparable(dataset: Mapping, kind: type | None, key: str) -> Any:
    """A setting as it is compared: where a file lists the data, folders by name."""
    value = dataset[key] if key in dataset else _default(kind, key)
    if key == "data_root":
        paths = [dataset.get("ann_file"), *(dataset.get("data_prefix") or {}).values()]
        absolute = [Path(x).is_absolute() for x in paths if x]
        return None if absolute and all(absolute) else str(Path(value or "").resolve())
    if key == "data_prefix" and dataset.get("ann_file"):
        folders = {name: Path(path or "").name for name, path in (value or {}).items()}
        return {name: folder for name, folder in folders.items() if folder}
    return value


def _default(kind: type | None, key: str) -> Any:
    """What a class takes where it is not told; None where it says nothing."""
    for one in kind.__mro__ if kind else ():
        made = vars(one).get("__init__")
        known = inspect.signature(made).parameters if made else {}
        if key in known and known[key].default is not inspect.Parameter.empty:
            return known[key].default
    return None
