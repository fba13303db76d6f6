"""Read a checkpoint file of any kind into tensors, without running code from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmseg_maskformer.compat import load_safely

from .pickles import PickledArray, read_pickle

_CONTAINERS = ("model", "state_dict")


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Args:
        path: a ``.pkl`` of NumPy arrays (detectron2), a ``.safetensors`` file, or what
            ``torch.save`` writes. The tensors may stand under ``model`` or
            ``state_dict``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, holds something else, or wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint file {path}.")
    readers = {".pkl": read_pickle, ".safetensors": _read_safetensors}
    try:
        content = readers.get(path.suffix.lower(), load_safely)(path)
    except ImportError:
        raise
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path} cannot be read as a checkpoint: {reason}. If it was downloaded, "
            "delete it and download it again; if it asks for code, do not trust it."
        ) from error
    return _tensors(content, path)


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(f"Reading {path} needs: pip install safetensors") from error
    return load_file(path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict inside what a file holds."""
    for name in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not tensors by name."
        )
    found = {}
    for name, value in content.items():
        if isinstance(value, PickledArray):
            value = torch.from_numpy(value.value)
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"{path} holds a {type(value).__name__} under {name!r}, where a tensor "
                "is expected."
            )
        found[name] = value
    return found
