"""Configs as their files have them, and settings of a command line for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError

from mmseg_maskformer.registry import registered_name

from .arguments import require_file
from .config_names import READ, check_names, meant, warn


def read_config(path: str, overrides: dict) -> Config:
    """The config of a file, with the settings that override it.

    A preprocessor that stands beside the model goes into a model that has none, where
    the runner would put it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or a setting of ``overrides`` would have no
            effect; of a file that is a warning.
    """
    require_file(path, "config")
    config = config_of_file(path)
    check_names(config, bases(path))
    override(config, overrides)
    if "model" in config and "data_preprocessor" in config:
        config.model.setdefault("data_preprocessor", config.data_preprocessor)
    return config


def config_of_file(path: str) -> Config:
    """The config of a file.

    Raises:
        ValueError: A file that it inherits or opens is missing, or one is no config.
    """
    try:
        config = Config.fromfile(path)
    except (OSError, SyntaxError, UnicodeError, ConfigParsingError) as error:
        missing = isinstance(error, FileNotFoundError) and error.filename
        if not missing:
            raise ValueError(f"{path} cannot be read as a config: {error}") from error
        raise ValueError(
            f"{path} needs {missing}, which is not there. (Paths in _base_ begin at "
            "the folder of the file that they stand in.)"
        ) from error
    _name_types(list(config.values()))
    return config


def bases(path: str) -> dict[str, Config]:
    """The configs that one inherits, by file, the nearest first, as far as known."""
    found: dict[str, Config] = {}
    # a base may be named by what mmengine fills in, such as {{ fileDirname }}
    with suppress(Exception):
        for base in Config._get_base_files(path):
            file, _ = Config._get_cfg_path(base, path)
            if file not in found:
                found |= {file: config_of_file(file)} | bases(file)
    return found


def _name_types(part: dict[str, Any] | Sequence[Any]) -> None:
    """Put names where a config in Python's style has classes, as other configs do.

    Args:
        part: of a config; changed in place. A class that is in no registry stays.
    """
    if isinstance(part, dict):
        kind = part.get("type")
        if isinstance(kind, type) and (name := registered_name(kind)):
            part["type"] = name
    for value in part.values() if isinstance(part, dict) else part:
        if isinstance(value, dict | list | tuple):
            _name_types(value)


def override(config: Config, settings: Mapping[str, Any]) -> None:
    """Put settings into a config.

    A new name that nothing reads ends it. A warning goes to the standard error for a
    variable, of which the config has made other settings, and for a new key that is
    almost another.

    Args:
        config: changed in place.
        settings: by keys such as "train_dataloader.batch_size".

    Raises:
        ValueError: A setting would have no effect, or its place is not there.
    """
    for key in settings:
        _check(config, key)
    try:
        config.merge_from_dict(dict(settings))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"--cfg-options {' '.join(settings)} does not go into {config.filename}: "
            f"{error.args[0]}"
        ) from None


def _check(config: Config, key: str) -> None:
    """Stop, or warn, where a setting is read by nobody."""
    said, (name, *rest) = f"--cfg-options {key}", key.split(".")
    if name not in config and name not in READ:
        raise ValueError(
            f"{said}: {config.filename} has no {name}, and nothing reads one"
            f"{meant(name, {*config, *READ})}. What code of your own reads, write "
            "into the config."
        )
    if name not in READ:
        warn(f"{said}: what the config has made of {name} stays; set that.")
    place: Any = config.get(name)
    for name in rest:
        if isinstance(place, dict) and name not in place:
            if question := meant(name, place):
                warn(f"{said}: {name} is new{question}.")
            return
        place = _inside(place, name)


def _inside(place: Any, name: str) -> Any:
    """What has that name or number; None where there is no such place."""
    if isinstance(place, dict):
        return place[name]
    if isinstance(place, list | tuple) and name.isdecimal() and int(name) < len(place):
        return place[int(name)]
    return None
